"""Which guidance, temperature and top-k to draw with: each against retrieval and diversity."""

import dataclasses
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ninefold.checkpoints.atomic_folder import new_folder
from ninefold.evaluation.judge import Judge
from ninefold.evaluation.measure import Draw, draw_split, judge_split
from ninefold.evaluation.prompts import Split
from ninefold.generation.params import SamplingParams

JSON_FILE = "sweep.json"
PLOT_FILE = "sweep.png"


@dataclass(frozen=True)
class SweepGrid:
    """The values that are tried, every one with every other."""

    condition_scales: tuple[float, ...] = (1.0, 1.5, 2.0, 3.0)
    temperatures: tuple[float, ...] = (0.35, 0.5, 1.0)
    top_ks: tuple[int, ...] = (8, 64)

    def settings(self, base: SamplingParams) -> list[SamplingParams]:
        """Return `base` with every combination of the values.

        Raises:
            UserError: a value that cannot be drawn with.
        """
        return [
            dataclasses.replace(base, condition_scale=scale, temperature=temperature, top_k=top_k)
            for top_k, scale, temperature in itertools.product(
                self.top_ks, self.condition_scales, self.temperatures
            )
        ]


@dataclass(frozen=True)
class SweepPoint:
    """What one combination gave, over all splits."""

    condition_scale: float
    temperature: float
    top_k: int
    precision: float
    """Share of all pictures whose caption the evaluator told."""
    first: float | None
    """Of the pictures that CLIP put first."""
    standard_error: float
    distance: float
    """Mean of 1 − cosine over the pairs of a prompt's pictures."""
    distinct: float
    """Mean number of different pictures among those of a prompt."""


def sweep(
    draw: Draw,
    judge: Judge,
    splits: Sequence[Split],
    settings: Sequence[SamplingParams],
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[SweepPoint]:
    """Draw the prompts of the splits with every setting, all from the same seeds, and judge them.

    Args:
        draw: such as `TextToImage.draw`.
        judge: the evaluator.
        splits: what to draw; every split counts alike.
        settings: of `SweepGrid.settings`.
        on_progress: called with settings done and settings in all.
    """
    points = []
    for number, params in enumerate(settings):
        results = [judge_split(judge, draw_split(draw, split, params)).result for split in splits]
        firsts = [result.first.rate for result in results if result.first is not None]
        points.append(
            SweepPoint(
                params.condition_scale,
                params.temperature,
                params.top_k,
                precision=float(np.mean([result.drawn.rate for result in results])),
                first=float(np.mean(firsts)) if firsts else None,
                standard_error=float(
                    np.sqrt(np.sum([r.drawn.standard_error**2 for r in results])) / len(results)
                ),
                distance=float(np.mean([result.distance for result in results])),
                distinct=float(np.mean([result.distinct for result in results])),
            )
        )
        on_progress(number + 1, len(settings))
    return points


def write_sweep(
    points: Sequence[SweepPoint], about: dict[str, Any], current: SamplingParams, folder: Path
) -> None:
    """Write `sweep.json` and `sweep.png` into `folder`; an earlier sweep there is replaced.

    Args:
        points: of `sweep`.
        about: what was measured, for the JSON document.
        current: the settings in use, which the plot rings.
        folder: where to write.

    Raises:
        UserError: the folder holds something else, or cannot be written.
    """
    with new_folder(folder, JSON_FILE, replace=True) as part:
        plot_sweep(points, current, part / PLOT_FILE)
        content = {**about, "points": [dataclasses.asdict(point) for point in points]}
        (part / JSON_FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def plot_sweep(points: Sequence[SweepPoint], current: SamplingParams, path: Path) -> None:
    """Draw precision against the distance in the nine: a panel a top-k, a line a guidance."""
    from matplotlib.figure import Figure  # seconds to import, and only here

    top_ks = sorted({point.top_k for point in points}, key=lambda k: k or float("inf"))
    figure = Figure(figsize=(5 * len(top_ks), 4.2), layout="constrained")
    axes = figure.subplots(1, len(top_ks), sharex=True, sharey=True, squeeze=False)[0]
    for panel, top_k in zip(axes, top_ks, strict=True):
        here = [point for point in points if point.top_k == top_k]
        for scale in sorted({point.condition_scale for point in here}):
            line = sorted(
                (point for point in here if point.condition_scale == scale),
                key=lambda point: point.temperature,
            )
            x, y = [p.distance for p in line], [100 * p.precision for p in line]
            error = [100 * p.standard_error for p in line]
            panel.errorbar(x, y, error, marker="o", capsize=2, label=f"guidance {scale:g}")
            for point in line:
                place = (point.distance, 100 * point.precision)
                panel.annotate(f"{point.temperature:g}", place, (4, 4), textcoords="offset points")
                if _is_current(point, current):
                    panel.plot(*place, "o", markersize=14, fillstyle="none", color="black")
        panel.set_title(f"top-k {top_k or 'off'}")
        panel.set_xlabel("distance between pictures of a prompt")
        panel.grid(alpha=0.3)
    axes[0].set_ylabel("captions told among the pool, %")
    axes[-1].legend(title="numbers: temperature")
    figure.savefig(path, dpi=90)


def _is_current(point: SweepPoint, params: SamplingParams) -> bool:
    ours = (point.condition_scale, point.temperature, point.top_k)
    return ours == (params.condition_scale, params.temperature, params.top_k)
