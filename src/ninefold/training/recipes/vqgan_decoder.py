"""Recipe: a better decoder for codes that do not change.

The codes of a VQGAN are settled as soon as DalleBart begins to learn them; the decoder is not. It
learns on while DalleBart trains, without the cost of the encoder.
"""

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from ninefold.models.vqgan import VQGAN
from ninefold.training.config import TrainConfig
from ninefold.training.encoded import SCENE_SEED, EncodedPictures, to_pixels
from ninefold.training.pictures import PictureSet
from ninefold.training.recipes.vqgan import (
    edge_error,
    hue_error,
    reconstruction_sheet,
)

SCENE_SHARE = 1 / 3
"""Share of a batch that are scenes."""


class _DecodeHalf(nn.Module):
    def __init__(self, vqgan: VQGAN) -> None:
        super().__init__()
        self.decoder = vqgan.decoder
        self.post_quant_conv = vqgan.post_quant_conv


class VQGANDecoderTask:
    """Reconstruction from the codes of a trained VQGAN; encoder and codebook stay as they are."""

    def __init__(
        self, pictures: PictureSet, vqgan: VQGAN, encoded: EncodedPictures, seed: int = 3
    ) -> None:
        torch.manual_seed(seed)
        self.pictures, self.encoded, self.seed = pictures, encoded, seed
        self.vqgan = vqgan.requires_grad_(False)
        self.model = _DecodeHalf(vqgan).requires_grad_(True)

    def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
        """Absolute error of pixels, of their differences and of colour differences."""
        pictures, codes = self.batch(step, batch_size)
        pixels = to_pixels(pictures)
        grid = self.vqgan.config.grid_size
        vectors = self.vqgan.quantize.embedding(codes.view(-1, grid, grid))
        restored = self.vqgan.decode_features(vectors).float()
        error = F.l1_loss(restored, pixels)
        loss = error + edge_error(restored, pixels) + hue_error(restored, pixels)
        mse = F.mse_loss(restored.detach().clamp(0, 1), pixels)
        return loss, {"l1": float(error.detach()), "psnr": float(-10 * mse.log10())}

    def batch(self, step: int, batch_size: int) -> tuple[NDArray[np.uint8], Tensor]:
        """Return pictures (B, H, W, 3) and the codes (B, N) that DalleBart learns for them."""
        draw = np.random.Generator(np.random.Philox(key=[self.seed, step + (1 << 32)]))
        pictures, codes = [], []
        for index in self.pictures.order(step, batch_size, self.seed):
            if len(self.encoded.scenes) and draw.random() < SCENE_SHARE:
                number = int(draw.integers(len(self.encoded.scenes)))
                pictures.append(self.pictures.scene(SCENE_SEED, number)[1])
                codes.append(self.encoded.scenes[number])
            else:
                is_mirrored = bool(draw.integers(2))
                pictures.append(self.pictures.plain(int(index), is_mirrored=is_mirrored))
                codes.append(self.encoded.things[index, int(is_mirrored)])
        return np.stack(pictures), torch.from_numpy(np.stack(codes).astype(np.int64))

    def after_step(self, step: int) -> None:
        """Everything is learned by gradients."""

    def sample(self, average: dict[str, Tensor]) -> Image.Image:
        """Return pictures (above) and their reconstructions (below) by the averaged weights."""
        vqgan = VQGAN(self.vqgan.config)
        vqgan.load_state_dict({**self.vqgan.state_dict(), **average})
        return reconstruction_sheet(vqgan.eval(), self.pictures)


def pocket_vqgan_decoder(
    pictures: PictureSet, vqgan: VQGAN, encoded: EncodedPictures
) -> tuple[VQGANDecoderTask, TrainConfig]:
    """Return the task and settings that finish pocket's decoder.

    Command: `ninefold train vqgan-decoder`.
    """
    config = TrainConfig(
        num_steps=2000,
        batch_size=12,
        learning_rate=6e-4,
        warmup_steps=30,
        weight_decay=0.0,
        ema_decay=0.99,
        save_every=100,
    )
    return VQGANDecoderTask(pictures, vqgan, encoded), config
