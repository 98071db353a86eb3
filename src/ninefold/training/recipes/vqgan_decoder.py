"""Recipe: a better decoder for codes that do not change.

The codes of a VQGAN are settled as soon as DalleBart begins to learn them; the decoder is not. It
learns on while DalleBart trains, without the cost of the encoder.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from PIL import Image
from torch import Tensor, nn

from ninefold.models.vqgan import VQGAN
from ninefold.training.config import TrainConfig
from ninefold.training.pictures import PictureSet
from ninefold.training.recipes.dallebart import SOURCES
from ninefold.training.recipes.vqgan import edge_error, hue_error, reconstruction_sheet

VARIANTS = 1
"""Versions of a picture that are seen, as in DalleBart's recipe; their codes stay in memory."""


class _DecodeHalf(nn.Module):
    def __init__(self, vqgan: VQGAN) -> None:
        super().__init__()
        self.decoder = vqgan.decoder
        self.post_quant_conv = vqgan.post_quant_conv


class VQGANDecoderTask:
    """Reconstruction from the codes of a trained VQGAN; encoder and codebook stay as they are."""

    def __init__(self, corpus: Path, vqgan: VQGAN, seed: int = 3) -> None:
        torch.manual_seed(seed)
        self.pictures = PictureSet(corpus, SOURCES)
        self.vqgan = vqgan.requires_grad_(False)
        self.seed = seed
        self.model = _DecodeHalf(vqgan).requires_grad_(True)
        self._codes: dict[tuple[int, int], Tensor] = {}

    def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
        """Absolute error of pixels, of their differences and of colour differences."""
        indices = self.pictures.order(step, batch_size, self.seed)
        epoch = step * batch_size // len(self.pictures)
        keys = [(int(i), (epoch + int(i)) % VARIANTS) for i in indices]
        crops = np.stack([self.pictures.crop(*key) for key in keys])
        pixels = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
        codes = self._encode(keys, pixels)
        vectors = self.vqgan.quantize.embedding(codes)
        restored = self.vqgan.decode_features(vectors).float()
        error = F.l1_loss(restored, pixels)
        loss = error + edge_error(restored, pixels) + hue_error(restored, pixels)
        mse = F.mse_loss(restored.detach().clamp(0, 1), pixels)
        return loss, {"l1": float(error.detach()), "psnr": float(-10 * mse.log10())}

    def after_step(self, step: int) -> None:
        """Everything is learned by gradients."""

    def sample(self, average: dict[str, Tensor]) -> Image.Image:
        """Return pictures (above) and their reconstructions (below) by the averaged weights."""
        vqgan = VQGAN(self.vqgan.config)
        vqgan.load_state_dict({**self.vqgan.state_dict(), **average})
        return reconstruction_sheet(vqgan.eval(), self.pictures)

    @torch.no_grad()
    def _encode(self, keys: list[tuple[int, int]], pixels: Tensor) -> Tensor:
        """Codes (B, h, w) of pictures, remembered by picture and variant."""
        new = [number for number, key in enumerate(keys) if key not in self._codes]
        if new:
            vectors = self.vqgan.encode_features(pixels[new])
            for number, codes in zip(new, self.vqgan.quantize.nearest(vectors), strict=True):
                self._codes[keys[number]] = codes
        return torch.stack([self._codes[key] for key in keys])


def pocket_vqgan_decoder(corpus: Path, vqgan: VQGAN) -> tuple[VQGANDecoderTask, TrainConfig]:
    """Return the task and settings that finish pocket's decoder.

    Command: `ninefold train vqgan-decoder`.
    """
    config = TrainConfig(
        num_steps=700,
        batch_size=8,
        learning_rate=4e-4,
        warmup_steps=30,
        weight_decay=0.0,
        ema_decay=0.99,
        save_every=100,
    )
    return VQGANDecoderTask(corpus, vqgan), config
