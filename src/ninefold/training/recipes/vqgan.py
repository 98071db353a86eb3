"""Recipe: the VQGAN of pocket, 256-pixel pictures to 16×16 codes that are local.

It learns from crops on the grid of codes, of things in the sizes that they are drawn in: norms of
single positions and no attention make a code depend on the pixels around it alone, so a code means
the same in a crop and in a whole picture, wherever a thing stands.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from ninefold.corpus.scenes.compose import resize
from ninefold.corpus.scenes.looks import STYLES, TINTS, restyle, tint
from ninefold.corpus.scenes.places import BACKDROPS, PLACES, paint_backdrop
from ninefold.models.vqgan import VQGAN, ResnetBlock, VQGANConfig
from ninefold.training.cells import NUM_RESERVED, encode_settled, plain_codes, settle, to_pixels
from ninefold.training.codebook import CodebookLearner
from ninefold.training.config import TrainConfig
from ninefold.training.pictures import PictureSet

SOURCES = ("fluent-emoji-flat", "twemoji", "noto")
"""Sets that pocket learns to draw: the three flattest of the complete ones."""
POCKET_VQGAN = VQGANConfig(
    ch=32,
    ch_mult=(1, 2, 4),
    num_res_blocks=1,
    resolution=256,
    attn_resolutions=(),
    mid_attention=False,
    encoder_middle=False,
    pixel_shuffle=4,
    z_channels=128,
    embed_dim=16,
    n_embed=4096,
    norm="position",
    decoder_ch=48,
)
CODES_VQGAN = replace(POCKET_VQGAN, decoder_ch=None)
"""What learns the codes, with a smaller decoder: the one that ships is learned afterwards
(`recipes.vqgan_decoder`)."""
COMMITMENT = 0.25
"""Weight of the pull of encoder outputs towards their codes (van den Oord et al. 2017)."""
HUE = 2.0
"""Weight of colour differences. Without it the codes told warm from cold; at 1 they learned red but
no green or purple."""
MEAN_PIXEL = 0.8
QUANTIZE_FROM = 300
"""First step that quantizes. A codebook that starts among the outputs of a random encoder, which
are all alike, collapses to a few codes."""
CROP = 8
"""Side of a crop in codes."""
SIZES = (12, 8, 4)
"""Sides in codes that things are drawn in: three quarters, half and a quarter of a picture."""
SIZE_SHARES = (0.5, 0.4, 0.1)
WHITE_SHARE = 0.6
"""Crops on white; the others are on a plain colour or on a place."""
TINTED_SHARE = 0.15
STYLED_SHARE = 0.05


class _Networks(nn.Module):
    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        self.vqgan = VQGAN(config)
        initialize(self.vqgan)
        self.learner = CodebookLearner(self.vqgan.quantize, num_reserved=NUM_RESERVED)
        self.vqgan.quantize.embedding.weight.requires_grad_(False)


@torch.no_grad()
def initialize(vqgan: VQGAN) -> None:
    """Start so that pictures get through: with PyTorch's own start it gave one colour for ever.

    Norms of single positions divide by what a position holds, so nothing may be mostly constant:
    biases are zero, pixels are read about their mean, and blocks start as what they add to.
    """
    for module in vqgan.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
            assert module.bias is not None
            nn.init.zeros_(module.bias)
    for module in vqgan.modules():
        if isinstance(module, ResnetBlock):
            nn.init.zeros_(module.conv2.weight)
    first, last = vqgan.encoder.conv_in, vqgan.decoder.conv_out
    assert first.bias is not None
    assert last.bias is not None
    first.weight.mul_(4)
    first.bias.copy_(-MEAN_PIXEL * first.weight.sum((1, 2, 3)))
    last.weight.mul_(0.3)
    last.bias.fill_(MEAN_PIXEL)


class Crops:
    """Crops of things in the sizes that they are drawn in, on the grid of codes."""

    def __init__(self, pictures: PictureSet, config: VQGANConfig, seed: int) -> None:
        self.pictures, self.seed = pictures, seed
        self.cell = config.downsampling
        self.backdrops = {
            name: paint_backdrop(name, config.resolution) for name in (*BACKDROPS, *PLACES)
        }

    def batch(self, step: int, batch_size: int) -> NDArray[np.uint8]:
        """Return the crops of a step, (B, H, W, 3)."""
        indices = self.pictures.order(step, batch_size, self.seed)
        return np.stack([self._crop(int(i), step * batch_size + n) for n, i in enumerate(indices)])

    def _crop(self, index: int, number: int) -> NDArray[np.uint8]:
        """Crop number `number`: of thing `index`, with a code's width around it."""
        draw = np.random.Generator(np.random.Philox(key=[self.seed, number]))
        cell = self.cell
        side = int(draw.choice(SIZES, p=SIZE_SHARES))
        thing = resize(np.asarray(self.pictures.rgba[index]), side * cell)
        look = draw.random()
        if look < TINTED_SHARE:
            thing = Image.fromarray(tint(np.asarray(thing), str(draw.choice(list(TINTS)))))
        elif look < TINTED_SHARE + STYLED_SHARE:
            thing = Image.fromarray(restyle(np.asarray(thing), str(draw.choice(list(STYLES)))))
        is_white = draw.random() < WHITE_SHARE
        backdrop = self.backdrops["white" if is_white else str(draw.choice(list(self.backdrops)))]
        extent = max(side + 2, CROP)
        top, left = draw.integers(len(backdrop) // cell - extent + 1, size=2) * cell
        canvas = Image.fromarray(
            backdrop[top : top + extent * cell, left : left + extent * cell].copy()
        )
        at = (extent - side) // 2 * cell
        canvas.paste(thing, (at, at), thing)
        top, left = draw.integers(extent - CROP + 1, size=2) * cell
        return np.asarray(canvas)[top : top + CROP * cell, left : left + CROP * cell]


class VQGANTask:
    """Reconstruction with a codebook that is learned by moving averages."""

    def __init__(self, corpus: Path, config: VQGANConfig = CODES_VQGAN, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.pictures = PictureSet(corpus, SOURCES)
        self.seed = seed
        self.model: _Networks = _Networks(config)
        self.crops = Crops(self.pictures, config, seed)
        self._last: tuple[Tensor, Tensor] | None = None

    def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
        """Absolute error of pixels and of their differences, and the commitment."""
        vqgan = self.model.vqgan
        pictures = self.crops.batch(step, batch_size)
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

    Command: `ninefold train vqgan`.
    """
    config = TrainConfig(
        num_steps=2000,
        batch_size=24,
        learning_rate=1.2e-3,
        warmup_steps=50,
        weight_decay=0.0,
        ema_decay=0.995,
        save_every=200,
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
    real = [pictures.single(int(i))[1] for i in shown]
    real += [pictures.scene(1 << 20, i)[1] for i in range(columns)]
    rows = []
    for first in range(0, len(real), columns):
        row = np.stack(real[first : first + columns])
        restored = vqgan.decode(encode_settled(vqgan, row)).permute(0, 2, 3, 1) * 255
        rows += [row, restored.to(torch.uint8).numpy()]
    return Image.fromarray(np.concatenate([np.concatenate(list(row), axis=1) for row in rows]))
