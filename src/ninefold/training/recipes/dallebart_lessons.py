"""Recipes: the second and third lessons of pocket's DalleBart, after `recipes.dallebart`.

After the first lesson nearly all that is left of the loss stands at the first codes of a picture,
where nothing but the caption says what comes; all later codes follow from those before them. So
both lessons learn beginnings, which cost a third of a whole picture, beside whole pictures: the
second many of them, the third fewer, at rates that end near nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from ninefold.training.config import TrainConfig
from ninefold.training.recipes.dallebart import DalleBartTask

BEGINNING = 16
"""Codes of a beginning: the two upper rows of the grid."""


@dataclass(frozen=True)
class Lesson:
    """What a batch of a later lesson holds."""

    beginnings: int
    """Beginnings for every whole picture of a batch."""
    scene_share: float
    """Share of the whole pictures that are scenes."""
    begun_scene_share: float
    """Share of the beginnings that are scenes."""
    seed: int


SECOND = Lesson(beginnings=3, scene_share=0.4, begun_scene_share=0.0, seed=5)
THIRD = Lesson(beginnings=1, scene_share=0.6, begun_scene_share=0.5, seed=6)


class LessonTask:
    """Next-code prediction of whole pictures and, beside them, of beginnings."""

    def __init__(self, first: DalleBartTask, lesson: Lesson, start: Mapping[str, Tensor]) -> None:
        """Go on with the samples of the `first` lesson from the weights `start` of the last."""
        first.seed, first.scene_share = lesson.seed, lesson.scene_share
        first.start_from(start)
        self.model = first.model
        self.first = first
        self.lesson = lesson

    def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
        """Mean cross-entropy in nats per code of whole pictures, and that of beginnings."""
        whole, metrics = self.first.loss(step, batch_size)
        count, share = self.lesson.beginnings * batch_size, self.lesson.begun_scene_share
        tokens, codes, _ = self.first.samples(step, count, share, self.lesson.seed + 1)
        losses = self.first.code_losses(tokens, codes[:, :BEGINNING], step + (1 << 20))
        beginnings = losses.mean()
        metrics["beginnings"] = float(beginnings.detach())
        return (whole + beginnings) / 2, metrics

    def after_step(self, step: int) -> None:
        """Everything is learned by gradients."""

    def sample(self, average: dict[str, Tensor]) -> Image.Image:
        """Return four pictures of each of the sample prompts by the averaged weights."""
        return self.first.sample(average)


def second_lesson(
    first: DalleBartTask, start: Mapping[str, Tensor]
) -> tuple[LessonTask, TrainConfig]:
    """Return the task and settings of the lesson on how pictures begin.

    Command: `ninefold train beginnings`. 25 minutes of one core with AVX-512 BF16; beginnings end
    at 0.60 nats a code, whole things where they were (docs/LOG.md).
    """
    config = TrainConfig(
        num_steps=900,
        batch_size=32,
        learning_rate=1.5e-3,
        muon_learning_rate=0.015,
        warmup_steps=30,
        weight_decay=0.05,
        betas=(0.9, 0.98),
        ema_decay=0.99,
        save_every=100,
    )
    return LessonTask(first, SECOND, start), config


def third_lesson(
    first: DalleBartTask, start: Mapping[str, Tensor]
) -> tuple[LessonTask, TrainConfig]:
    """Return the task and settings of the last lesson, mostly of whole pictures.

    Command: `ninefold train anneal`. An hour of one core with AVX-512 BF16; things end at 0.86 nats
    a code, scenes at 2.5, beginnings, half of them of scenes, at 0.95 (docs/LOG.md).
    """
    config = TrainConfig(
        num_steps=1800,
        batch_size=64,
        learning_rate=1e-3,
        muon_learning_rate=0.01,
        warmup_steps=30,
        weight_decay=0.05,
        betas=(0.9, 0.98),
        ema_decay=0.99,
        save_every=100,
    )
    return LessonTask(first, THIRD, start), config
