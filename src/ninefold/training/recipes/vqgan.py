"""Recipe: the VQGAN of pocket, 128-pixel pictures to 8×8 codes."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from ninefold.models.vqgan import VQGAN, VQGANConfig
from ninefold.training.cells import NUM_RESERVED, plain_codes, settle
from ninefold.training.codebook import CodebookLearner
from ninefold.training.config import TrainConfig
from ninefold.training.encoded import encode_settled, to_pixels
from ninefold.training.pictures import PictureSet

SOURCES = ("fluent-emoji-flat", "twemoji", "noto")
"""Sets that pocket learns to draw: the three flattest of the complete ones. 64 codes hold the soft
gradients of the others badly."""
POCKET_VQGAN = VQGANConfig(
    ch=16,
    ch_mult=(1, 2, 4, 8),
    num_res_blocks=1,
    resolution=128,
    attn_resolutions=(),
    mid_attention=False,
    pixel_shuffle=2,
    z_channels=128,
    embed_dim=32,
    n_embed=2048,
    norm_groups=8,
)
COMMITMENT = 0.25
"""Weight of the pull of encoder outputs towards their codes (van den Oord et al. 2017)."""
HUE = 3.0
"""Weight of colour differences. Without it the codes told warm from cold; at 1 they learned red but
no green or purple."""
QUANTIZE_FROM = 200
"""First step that quantizes. A codebook that starts among the outputs of a random encoder, which
are all alike, collapses to a few codes."""
VARIANTS = 64
"""Mirrored and moved versions that a picture is seen in."""
SCENES = 3
"""One picture in this many is a scene; the others are things on white."""


class _Networks(nn.Module):
    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        self.vqgan = VQGAN(config)
        self.learner = CodebookLearner(self.vqgan.quantize, num_reserved=NUM_RESERVED)
        self.vqgan.quantize.embedding.weight.requires_grad_(False)


class VQGANTask:
    """Reconstruction with a codebook that is learned by moving averages."""

    def __init__(self, corpus: Path, config: VQGANConfig = POCKET_VQGAN, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.pictures = PictureSet(corpus, SOURCES)
        self.seed = seed
        self.model: _Networks = _Networks(config)
        self._last: tuple[Tensor, Tensor] | None = None

    def batch(self, step: int, batch_size: int) -> NDArray[np.uint8]:
        """Return the pictures of a step, (B, H, W, 3)."""
        pictures = []
        indices = self.pictures.order(step, batch_size, self.seed)
        for number, index in enumerate(indices, step * batch_size):
            if number % SCENES == 0:
                pictures.append(self.pictures.scene(self.seed, number)[1])
            else:
                variant = (number // len(self.pictures) + int(index)) % VARIANTS
                pictures.append(self.pictures.moved(int(index), variant))
        return np.stack(pictures)

    def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
        """Absolute error of pixels and of their differences, and the commitment."""
        vqgan = self.model.vqgan
        pictures = self.batch(step, batch_size)
        pixels = to_pixels(pictures)
        vectors = vqgan.encode_features(pixels).float()  # (B, h, w, E)
        plain = plain_codes(pictures, vqgan.config.downsampling)
        codes = settle(vqgan.quantize.nearest(vectors.detach()), plain)
        if step < QUANTIZE_FROM:
            quantized = vectors.detach()
        else:
            quantized = vqgan.quantize.embedding(codes)
            self._last = (vectors.detach().flatten(0, 2), codes.flatten())
        commitment = F.mse_loss(vectors, quantized)
        straight_through = vectors + (quantized - vectors).detach()
        restored = vqgan.decode_features(straight_through).float()
        error = F.l1_loss(restored, pixels)
        edges = edge_error(restored, pixels)
        hue = hue_error(restored, pixels)
        mse = F.mse_loss(restored.detach().clamp(0, 1), pixels)
        metrics = {
            "l1": float(error.detach()),
            "hue": float(hue.detach()),
            "commitment": float(commitment.detach()),
            "psnr": float(-10 * mse.log10()),
            "codes_in_batch": float(torch.bincount(codes.flatten()).count_nonzero()),
        }
        return error + edges + HUE * hue + COMMITMENT * commitment, metrics

    def after_step(self, step: int) -> None:
        """Move the codebook."""
        if self._last is not None:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
            self.model.learner.update(self.model.vqgan.quantize, *self._last, generator)
            self._last = None

    @torch.no_grad()
    def sample(self, average: dict[str, Tensor]) -> Image.Image:
        """Return pictures (above) and their reconstructions (below) by the averaged weights."""
        vqgan = VQGAN(self.model.vqgan.config).eval()
        prefix = "vqgan."
        vqgan.load_state_dict(
            {k.removeprefix(prefix): v for k, v in average.items() if k.startswith(prefix)}
        )
        return reconstruction_sheet(vqgan, self.pictures)


def pocket_vqgan(corpus: Path) -> tuple[VQGANTask, TrainConfig]:
    """Return pocket's VQGAN task and settings.

    Command: `ninefold train vqgan`. Half an hour of one core with AVX-512 BF16; 18.0 dB, nearly all
    codes in use (docs/LOG.md).
    """
    config = TrainConfig(
        num_steps=3000,
        batch_size=12,
        learning_rate=1.2e-3,
        warmup_steps=100,
        weight_decay=0.0,
        ema_decay=0.995,
        save_every=500,
    )
    return VQGANTask(corpus), config


def edge_error(restored: Tensor, pixels: Tensor) -> Tensor:
    """Absolute error of the differences between neighbours, which keeps edges sharp."""
    across = F.l1_loss(restored.diff(dim=3), pixels.diff(dim=3))
    down = F.l1_loss(restored.diff(dim=2), pixels.diff(dim=2))
    return across + down


def hue_error(restored: Tensor, pixels: Tensor) -> Tensor:
    """Absolute error of colour differences; without it the codebook learned only warm and cold."""

    def opponent(x: Tensor) -> Tensor:
        red, green, blue = x.unbind(1)
        return torch.stack([red - green, blue - (red + green) / 2], 1)

    return F.l1_loss(opponent(restored), opponent(pixels))


@torch.no_grad()
def reconstruction_sheet(vqgan: VQGAN, pictures: PictureSet, columns: int = 12) -> Image.Image:
    """Return two rows of things and one of scenes, each above its reconstruction."""
    shown = np.linspace(0, len(pictures) - 1, 2 * columns).astype(int)
    real = [pictures.plain(int(i)) for i in shown]
    real += [pictures.scene(1 << 20, i)[1] for i in range(columns)]
    rows = []
    for first in range(0, len(real), columns):
        row = np.stack(real[first : first + columns])
        restored = vqgan.decode(encode_settled(vqgan, row)).permute(0, 2, 3, 1) * 255
        rows += [row, restored.to(torch.uint8).numpy()]
    return Image.fromarray(np.concatenate([np.concatenate(list(row), axis=1) for row in rows]))
