"""Recipe: the VQGAN of pocket, 64-pixel pictures to 8×8 codes."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from PIL import Image
from torch import Tensor, nn

from ninefold.models.vqgan import VQGAN, VQGANConfig
from ninefold.training.codebook import CodebookLearner
from ninefold.training.config import TrainConfig
from ninefold.training.pictures import PictureSet

POCKET_VQGAN = VQGANConfig(
    ch=16,
    ch_mult=(1, 2, 4, 8),
    num_res_blocks=1,
    resolution=64,
    attn_resolutions=(8,),
    z_channels=128,
    embed_dim=32,
    n_embed=1024,
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


class _Networks(nn.Module):
    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        self.vqgan = VQGAN(config)
        self.learner = CodebookLearner(self.vqgan.quantize)
        self.vqgan.quantize.embedding.weight.requires_grad_(False)


class VQGANTask:
    """Reconstruction with a codebook that is learned by moving averages."""

    def __init__(self, corpus: Path, config: VQGANConfig = POCKET_VQGAN, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.pictures = PictureSet(corpus)
        self.seed = seed
        self.model: _Networks = _Networks(config)
        self._last: tuple[Tensor, Tensor] | None = None

    def batch(self, step: int, batch_size: int) -> Tensor:
        """Return the pictures of a step, (B, 3, H, W) in [0, 1]."""
        indices = self.pictures.order(step, batch_size, self.seed)
        epoch = step * batch_size // len(self.pictures)
        crops = [self.pictures.crop(int(i), (epoch + int(i)) % VARIANTS) for i in indices]
        return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255

    def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
        """Absolute error of pixels and of their differences, and the commitment."""
        vqgan = self.model.vqgan
        pixels = self.batch(step, batch_size)
        vectors = vqgan.encode_features(pixels)  # (B, h, w, E)
        codes = vqgan.quantize.nearest(vectors.detach().float())
        if step < QUANTIZE_FROM:
            quantized = vectors.detach()
        else:
            quantized = vqgan.quantize.embedding(codes)
            self._last = (vectors.detach().flatten(0, 2), codes.flatten())
        commitment = F.mse_loss(vectors.float(), quantized)
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

    Command: `ninefold train vqgan`.
    """
    config = TrainConfig(
        num_steps=2600,
        batch_size=8,
        learning_rate=1.2e-3,
        warmup_steps=100,
        weight_decay=0.0,
        ema_decay=0.995,
        save_every=250,
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
def reconstruction_sheet(vqgan: VQGAN, pictures: PictureSet) -> Image.Image:
    """Return 32 pictures of the corpus, in two rows, each above its reconstruction."""
    shown = np.linspace(0, len(pictures) - 1, 32).astype(int)
    pixels = np.stack([pictures.crop(int(i), 0) for i in shown])
    real = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    restored = vqgan.decode(vqgan.encode(real))
    rows = torch.cat([torch.cat([real[i : i + 16], restored[i : i + 16]]) for i in (0, 16)])
    side = pictures.size
    sheet = rows.view(4, 16, 3, side, side).permute(0, 3, 1, 4, 2).reshape(4 * side, 16 * side, 3)
    return Image.fromarray((sheet * 255).to(torch.uint8).numpy())
