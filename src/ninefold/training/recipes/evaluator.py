"""Recipe: the evaluator, which judges what pocket draws and has no part in drawing it.

A CLIP of its own shape, start, tokenizer, captions and pictures' versions, apart from the one that
ranks. It sees real pictures only; one in ten it never sees (`corpus.held_out_pictures`), and on
those its own skill is measured.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ninefold.corpus.held_out_pictures import is_held_out_picture
from ninefold.corpus.render import flatten
from ninefold.models.clip import CLIP, CLIPConfig
from ninefold.text import TextTokenizer
from ninefold.text.encoded import EOS_ID, PAD_ID
from ninefold.training.captions import tokenize, write_captions
from ninefold.training.config import TrainConfig
from ninefold.training.pictures import PictureSet

CAPTION_SEED = 77_000
"""Not that of pocket's captions."""
VOCAB_SIZE = 4096
EVALUATOR_CLIP = CLIPConfig(
    projection_dim=128,
    image_size=64,
    patch_size=8,
    vision_width=160,
    vision_layers=4,
    vision_heads=5,
    vision_intermediate_size=640,
    vocab_size=VOCAB_SIZE,
    max_positions=40,
    text_width=128,
    text_layers=2,
    text_heads=4,
    text_intermediate_size=512,
    activation="gelu",
    eos_token_id=EOS_ID,
    image_mean=(0.75, 0.7, 0.65),
    image_std=(0.3, 0.3, 0.35),
)
MAX_LOGIT_SCALE = float(np.log(100))
MAX_SHIFT = 4
"""Pixels of 64 that a picture is moved by at most in each direction."""
SOFTENED = 0.3
"""Share of pictures that are made half as sharp, so that blur alone makes no picture unreadable."""
COLOURED = 0.3
"""Share of pictures that are laid on a plain colour instead of white."""


class EvaluatorTask:
    """Contrastive learning (Radford et al. 2021) where pictures of one thing are all positives."""

    def __init__(
        self, corpus: Path, tokenizer: Path, config: CLIPConfig = EVALUATOR_CLIP, seed: int = 11
    ) -> None:
        torch.manual_seed(seed)
        pictures = PictureSet(corpus)
        seen = [
            number
            for number, record in enumerate(pictures.records)
            if not is_held_out_picture(record.source, record.hexcode)
        ]
        records = [pictures.records[number] for number in seen]
        self.rgba = np.stack([_shrink(pictures.rgba[n], config.image_size) for n in seen])
        encoder = TextTokenizer.from_folder(tokenizer, config.max_positions)
        self.captions = tokenize(write_captions(records, CAPTION_SEED), encoder)
        names = {record.hexcode: number for number, record in enumerate(records)}
        self.kinds = torch.tensor([names[record.hexcode] for record in records])
        self.seed = seed
        self.model = CLIP(config)

    def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of pictures given texts and of texts given pictures."""
        draw = np.random.Generator(np.random.Philox(key=[self.seed, step]))
        indices = draw.choice(len(self.rgba), batch_size, replace=len(self.rgba) < batch_size)
        crops = np.stack([vary(self.rgba[index], draw) for index in indices])
        pixels = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
        chosen = draw.integers(self.captions.shape[1], size=batch_size)
        tokens = self.captions[indices, chosen]
        length = int((tokens != PAD_ID).sum(1).max())
        ids = torch.from_numpy(tokens[:, :length].astype(np.int64))
        by_image, by_text = self.model(self.model.normalize(pixels), ids)
        kinds = self.kinds[indices]
        target = (kinds[:, None] == kinds).float()
        target /= target.sum(1, keepdim=True)
        loss = (F.cross_entropy(by_image, target) + F.cross_entropy(by_text, target)) / 2
        right = (kinds[by_image.argmax(1)] == kinds).float().mean()
        return loss, {"retrieval": float(right)}

    def after_step(self, step: int) -> None:  # noqa: ARG002 - part of the Task protocol
        """Keep the temperature in its bounds, as the paper does."""
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, MAX_LOGIT_SCALE)

    def sample(self, average: dict[str, Tensor]) -> None:
        """An evaluator draws nothing."""


def evaluator_recipe(corpus: Path, tokenizer: Path) -> tuple[EvaluatorTask, TrainConfig]:
    """Return the evaluator's task and settings.

    Command: `ninefold train evaluator`.
    """
    config = TrainConfig(
        num_steps=3000,
        batch_size=128,
        learning_rate=1.2e-3,
        warmup_steps=150,
        weight_decay=0.1,
        ema_decay=0.998,
        save_every=100,
        log_every=25,
    )
    return EvaluatorTask(corpus, tokenizer), config


def vary(rgba: NDArray[np.uint8], draw: np.random.Generator) -> NDArray[np.uint8]:
    """Show an RGBA picture (H, W, 4) as one of its versions: moved, mirrored, soft, on a colour."""
    side = len(rgba)
    if draw.random() < 1 / 2:
        rgba = rgba[:, ::-1]
    padded = np.pad(rgba, ((MAX_SHIFT,) * 2, (MAX_SHIFT,) * 2, (0, 0)))
    top, left = draw.integers(0, 2 * MAX_SHIFT + 1, size=2)
    is_coloured, is_soft = draw.random(2) < (COLOURED, SOFTENED)
    red, green, blue = draw.integers(0, 256, size=3) if is_coloured else (255, 255, 255)
    shown = flatten(padded[top : top + side, left : left + side], (int(red), int(green), int(blue)))
    if is_soft:
        half = Image.fromarray(shown).resize((side // 2, side // 2), Image.Resampling.BOX)
        shown = np.asarray(half.resize((side, side), Image.Resampling.BICUBIC))
    return shown


def _shrink(rgba: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Bring an RGBA picture to a size; premultiplied, so that edges keep their colour."""
    if len(rgba) == side:
        return np.asarray(rgba)
    image = Image.fromarray(np.ascontiguousarray(rgba)).convert("RGBa")
    return np.asarray(image.resize((side, side), Image.Resampling.LANCZOS).convert("RGBA"))
