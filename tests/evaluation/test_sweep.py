"""A sweep tries every combination from the same seeds, and plots each."""

import json
from pathlib import Path

import pytest
from PIL import Image

from ninefold.drawing import Drawing
from ninefold.errors import UserError
from ninefold.evaluation.judge import Judge
from ninefold.evaluation.prompts import Corpus, single_objects
from ninefold.evaluation.sweep import SweepGrid, sweep, write_sweep
from ninefold.generation.params import SamplingParams
from ninefold.pipeline import TextToImage

BASE = SamplingParams(seed=3, count=2)
GRID = SweepGrid(condition_scales=(1.0, 2.0), temperatures=(0.5,), top_ks=(4, 0))


def test_every_combination_is_tried() -> None:
    tried = {(p.condition_scale, p.temperature, p.top_k) for p in GRID.settings(BASE)}
    assert tried == {(1.0, 0.5, 4), (1.0, 0.5, 0), (2.0, 0.5, 4), (2.0, 0.5, 0)}
    assert {p.seed for p in GRID.settings(BASE)} == {3}
    with pytest.raises(UserError, match="temperature must be above 0"):
        SweepGrid(temperatures=(0.0,)).settings(BASE)


def test_a_sweep_is_measured_plotted_and_written(
    evaluator_folder: Path, corpus_folder: Path, tiny_model: Path, tmp_path: Path
) -> None:
    painter = TextToImage.load(tiny_model, device="cpu")
    split = single_objects(Corpus(corpus_folder), 2, seed=1)
    seeds: list[int] = []

    def draw(prompt: str, params: SamplingParams) -> Drawing:
        seeds.append(params.seed)
        return painter.draw(prompt, params)

    settings = GRID.settings(BASE)
    steps: list[tuple[int, int]] = []
    points = sweep(
        draw, Judge(evaluator_folder), [split], settings, lambda *step: steps.append(step)
    )
    assert steps[-1] == (4, 4)
    assert seeds == [3, 4] * 4
    assert all(0 <= point.precision <= 1 and 0 <= point.distance <= 2 for point in points)
    write_sweep(points, {"model": "tiny"}, settings[0], tmp_path / "sweep")
    document = json.loads((tmp_path / "sweep/sweep.json").read_text())
    assert [point["top_k"] for point in document["points"]] == [4, 4, 0, 0]
    with Image.open(tmp_path / "sweep/sweep.png") as plot:
        assert plot.size[0] > 600
