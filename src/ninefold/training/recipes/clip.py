"""Recipe: the CLIP of pocket, which puts the best of the nine first."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from torch import Tensor

from ninefold.models.clip import CLIP, CLIPConfig
from ninefold.text import TextTokenizer
from ninefold.text.encoded import EOS_ID, PAD_ID
from ninefold.training.captions import tokenize, write_captions
from ninefold.training.config import TrainConfig
from ninefold.training.pictures import PictureSet

TEXT_LENGTH = 32
VOCAB_SIZE = 4096
POCKET_CLIP = CLIPConfig(
    projection_dim=128,
    image_size=64,
    patch_size=8,
    vision_width=128,
    vision_layers=4,
    vision_heads=4,
    vision_intermediate_size=512,
    vocab_size=VOCAB_SIZE,
    max_positions=TEXT_LENGTH,
    text_width=128,
    text_layers=2,
    text_heads=4,
    text_intermediate_size=512,
    activation="gelu",
    eos_token_id=EOS_ID,
    image_mean=(0.8, 0.75, 0.7),
    image_std=(0.3, 0.3, 0.35),
)
VARIANTS = 16
"""Mirrored and moved versions that a picture is seen in."""
MAX_LOGIT_SCALE = float(np.log(100))


class CLIPTask:
    """Contrastive learning (Radford et al. 2021) where pictures of one emoji are all positives."""

    def __init__(
        self, corpus: Path, tokenizer: Path, config: CLIPConfig = POCKET_CLIP, seed: int = 1
    ) -> None:
        torch.manual_seed(seed)
        self.pictures = PictureSet(corpus)
        records = self.pictures.records
        encoder = TextTokenizer.from_folder(tokenizer, config.max_positions)
        self.captions = tokenize(write_captions(records, seed=0), encoder)
        names = {record.hexcode: number for number, record in enumerate(records)}
        self.kinds = torch.tensor([names[record.hexcode] for record in records])
        self.seed = seed
        self.model = CLIP(config)

    def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of pictures given texts and of texts given pictures."""
        indices = self.pictures.order(step, batch_size, self.seed)
        draw = np.random.Generator(np.random.Philox(key=[self.seed, step + (1 << 32)]))
        variants = draw.integers(VARIANTS, size=batch_size)
        crops = [self.pictures.crop(int(i), int(v)) for i, v in zip(indices, variants, strict=True)]
        pixels = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255
        chosen = draw.integers(self.captions.shape[1], size=batch_size)
        tokens = self.captions[indices, chosen]
        length = int((tokens != PAD_ID).sum(1).max())
        ids = torch.from_numpy(tokens[:, :length].astype(np.int64))
        by_image, by_text = self.model(self.model.normalize(pixels), ids)
        kinds = self.kinds[indices]
        target = (kinds[:, None] == kinds).float()
        target /= target.sum(1, keepdim=True)
        loss = (F.cross_entropy(by_image, target) + F.cross_entropy(by_text, target)) / 2
        right = (kinds[by_text.argmax(1)] == kinds).float().mean()
        return loss, {"retrieval": float(right)}

    def after_step(self, step: int) -> None:  # noqa: ARG002 - part of the Task protocol
        """Keep the temperature in its bounds, as the paper does."""
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, MAX_LOGIT_SCALE)

    def sample(self, average: dict[str, Tensor]) -> None:
        """CLIP draws nothing."""


def pocket_clip(corpus: Path, tokenizer: Path) -> tuple[CLIPTask, TrainConfig]:
    """Return pocket's CLIP task and settings.

    Command: `ninefold train clip`.
    """
    config = TrainConfig(
        num_steps=500,
        batch_size=128,
        learning_rate=1.5e-3,
        warmup_steps=100,
        weight_decay=0.1,
        ema_decay=0.99,
        save_every=200,
        log_every=20,
    )
    return CLIPTask(corpus, tokenizer), config
