"""A whole evaluation: every split drawn and judged, the VQGAN measured, pictures to show."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from ninefold.checkpoints.model_folder import ModelConfig
from ninefold.evaluation.diversity import thumbnail
from ninefold.evaluation.judge import Judge
from ninefold.evaluation.measure import (
    Draw,
    DrawnSplit,
    JudgedSplit,
    crowd_distance,
    draw_split,
    judge_split,
    ranking_gain,
    real_distance,
)
from ninefold.evaluation.near_copies import TrainingPictures, twin_rate
from ninefold.evaluation.prompts import Corpus, Split
from ninefold.evaluation.reconstruction import reconstruct, restore_picture
from ninefold.evaluation.report import EvaluationReport
from ninefold.evaluation.sheets import copies_sheet, reconstruction_sheet, split_sheet
from ninefold.generation.params import SamplingParams
from ninefold.models.vqgan import VQGAN

NUM_TWINS = 100
"""Training pictures that are themselves looked for among the others."""


class MeasuredModel(Protocol):
    """What is measured: a loaded model, such as `TextToImage`."""

    @property
    def config(self) -> ModelConfig: ...

    @property
    def vqgan(self) -> VQGAN: ...


@dataclass(frozen=True)
class EvaluationSettings:
    """How much is measured."""

    num_prompts: int = 60
    """Of each split."""
    num_reconstructed: int = 400
    """Pictures that the VQGAN is measured on."""
    seed: int = 1
    """Chooses prompts and pictures, and is the seed of the first drawing."""

    def __post_init__(self) -> None:
        if self.num_prompts < 2 or self.num_reconstructed < 2:
            raise ValueError("Measure at least two prompts and two pictures.")


def evaluate(
    model: MeasuredModel,
    draw: Draw,
    judge: Judge,
    corpus: Corpus,
    splits: Sequence[Split],
    params: SamplingParams,
    settings: EvaluationSettings,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[EvaluationReport, dict[str, Image.Image]]:
    """Measure a model.

    Args:
        model: whose VQGAN and configuration are looked at.
        draw: draws with it, such as its own `draw` or an engine's.
        judge: the evaluator.
        corpus: real pictures.
        splits: what to draw.
        params: how; the seed is that of `settings`.
        settings: how much.
        on_progress: called with prompts done and prompts in all.

    Returns:
        The report, and its pictures by file name.
    """
    started = time.perf_counter()
    total = sum(len(split.cases) for split in splits)
    done = 0

    def count_prompt() -> None:
        nonlocal done
        done += 1
        on_progress(done, total)

    chosen = corpus.sample(settings.num_reconstructed, settings.seed)
    size = model.config.drawn_size
    kept, originals, restored = reconstruct(
        model.vqgan, [corpus.picture(index) for index in chosen], size
    )
    training = TrainingPictures(
        np.stack([thumbnail(corpus.picture(index)) for index in range(len(corpus.records))]),
        lambda index: thumbnail(restore_picture(model.vqgan, corpus.picture(index), size)[1]),
    )
    drawn = [draw_split(draw, split, params, count_prompt) for split in splits]
    judged = [judge_split(judge, split, training) for split in drawn]
    results = tuple(split.result for split in judged)
    distance, floor, compared = crowd_distance(judged)
    report = EvaluationReport(
        model=model.config.name,
        model_sha256=model.config.sha256,
        evaluator_sha256=judge.config.sha256,
        params=params.to_dict(),
        splits=results,
        reconstruction=kept,
        frechet_distance=distance,
        frechet_floor=floor,
        frechet_pictures=compared,
        real_distance=real_distance(judge, [case for split in splits for case in split.cases]),
        twins=twin_rate(np.asarray(chosen[:NUM_TWINS]), training),
        ranking_gain=ranking_gain(results),
        seconds=time.perf_counter() - started,
    )
    pictures = {"reconstruction.png": reconstruction_sheet(originals, restored)}
    for of_drawing, of_judging in zip(drawn, judged, strict=True):
        pictures[f"{of_drawing.split.name}.png"] = split_sheet(of_drawing, of_judging)
    pictures["nearest.png"] = _nearest_sheet(drawn[-1], judged[-1], corpus)
    return report, pictures


def _nearest_sheet(drawn: DrawnSplit, judged: JudgedSplit, corpus: Corpus) -> Image.Image:
    """Show the drawings that are nearest to training pictures, above those pictures."""
    assert judged.copies is not None, "near copies were looked for"
    flat = [image for row in drawn.pictures for image in row]
    order = judged.copies.differences.argsort(kind="stable")
    shown = order[np.linspace(0, len(order) - 1, 24).astype(int)]
    pairs = [(flat[i], corpus.picture(int(judged.copies.nearest[i]))) for i in shown]
    return copies_sheet(pairs)
