"""Recipe: the second lesson of pocket's DalleBart, how a picture begins.

After the first lesson nearly all that is left of the loss stands at the first codes of a picture,
where nothing but the caption says what comes; all later codes follow from those before them. So
most samples of this lesson are beginnings, which cost a third of a whole picture.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from ninefold.corpus.lexicon import Entry
from ninefold.models.vqgan import VQGAN
from ninefold.training.config import TrainConfig
from ninefold.training.encoded import EncodedPictures
from ninefold.training.pictures import PictureSet
from ninefold.training.recipes.dallebart import BLANK_CAPTIONS, DalleBartTask

BEGINNING = 16
"""Codes of a beginning: the two upper rows of the grid."""
BEGINNINGS = 3
"""Beginnings of things for every whole picture of a batch."""
SEED = 5


class BeginningsTask(DalleBartTask):
    """Next-code prediction of whole pictures and, beside them, of many beginnings."""

    def __init__(
        self,
        corpus: PictureSet,
        lexicon: Sequence[Entry],
        tokenizer: Path,
        vqgan: VQGAN,
        encoded: EncodedPictures,
        start: Mapping[str, Tensor],
    ) -> None:
        """Go on from the weights `start` of the first lesson."""
        super().__init__(corpus, lexicon, tokenizer, vqgan, encoded, seed=SEED)
        self.model.load_state_dict(start)

    def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
        """Mean cross-entropy in nats per code of whole pictures, and that of beginnings."""
        whole, metrics = super().loss(step, batch_size)
        batch = self.things.batch(step, BEGINNINGS * batch_size, self.seed + 1, BLANK_CAPTIONS)
        losses = self.code_losses(batch.text_tokens, batch.codes[:, :BEGINNING], step + (1 << 20))
        beginnings = losses.mean()
        metrics["beginnings"] = float(beginnings.detach())
        return (whole + beginnings) / 2, metrics


def pocket_beginnings(
    corpus: PictureSet,
    lexicon: Sequence[Entry],
    tokenizer: Path,
    vqgan: VQGAN,
    encoded: EncodedPictures,
    start: Mapping[str, Tensor],
) -> tuple[BeginningsTask, TrainConfig]:
    """Return the task and settings of the second lesson.

    Command: `ninefold train beginnings`.
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
    return BeginningsTask(corpus, lexicon, tokenizer, vqgan, encoded, start), config
