"""VQGAN: pictures to a grid of codebook indices and back.

The convolutional network of Esser, Rombach and Ommer, "Taming Transformers for High-Resolution
Image Synthesis" (2021), as published for f16-16384. Submodules carry the names of that release, so
its checkpoints map one to one. It does not know how a codebook is learned (`training/`) or where
weights come from (`checkpoints/`).

Shapes: B pictures, C channels, H×W pixels, h×w codes (H = h · downsampling), N = h · w codes,
E embed_dim.
Pixels are floats in [0, 1], as DALL·E Mini feeds and reads them.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from torch import Tensor, nn

from ninefold.errors import UnsupportedOptionError, UserError


@dataclass(frozen=True)
class VQGANConfig:
    """Shape of a VQGAN. The defaults are the published f16-16384."""

    ch: int = 128
    """Channels at full resolution."""
    ch_mult: tuple[int, ...] = (1, 1, 2, 2, 4)
    """Channel multiple of each level; there is one halving of the sides between levels."""
    num_res_blocks: int = 2
    """Residual blocks per encoder level; the decoder has one more."""
    resolution: int = 256
    """Side in pixels of the pictures it is made for."""
    attn_resolutions: tuple[int, ...] = (16,)
    """Sides of the feature maps that have attention after each residual block."""
    mid_attention: bool = True
    """Whether there is attention at the lowest resolution. Without it a code depends on the pixels
    around it, and on the rest of the picture only through the norms."""
    encoder_middle: bool = True
    """Whether the encoder has residual blocks at the lowest resolution beside those of its level.
    Each of their convolutions lets a code depend on one more code's width of pixels around it."""
    pixel_shuffle: int = 1
    """Pixels along a side that are folded into the channels of one position of the first level, and
    unfolded after the last (sub-pixel convolution, Shi et al. 2016). 1 is the published network."""
    z_channels: int = 256
    """Channels between the convolutional networks and the 1×1 convolutions beside the codebook."""
    embed_dim: int = 256
    """Length of a codebook vector."""
    n_embed: int = 16384
    """Number of codebook vectors."""
    in_channels: int = 3
    out_ch: int = 3
    norm_groups: int = 32
    """Groups of every GroupNorm; must divide the channels of every level."""
    norm: Literal["group", "position"] = "group"
    """`group` is the published GroupNorm, whose statistics are those of the whole picture.
    `position` norms the channels of each position by themselves, so that without attention a code
    depends on the pixels around it and on nothing else."""
    decoder_ch: int | None = None
    """Channels of the decoder at full resolution; None for as many as the encoder's `ch`."""
    double_z: bool = False
    resamp_with_conv: bool = True
    give_pre_end: bool = False
    dropout: float = 0.0
    has_encoder: bool = True
    """False for a decoder published by itself, which draws pictures but cannot read them."""

    def __post_init__(self) -> None:
        unsupported = {
            "double_z": self.double_z,
            "resamp_with_conv": not self.resamp_with_conv,
            "give_pre_end": self.give_pre_end,
            "dropout": self.dropout != 0.0,
        }
        for option, is_set in unsupported.items():
            if is_set:
                value = getattr(self, option)
                raise UnsupportedOptionError(f"VQGAN option {option}={value!r} is not supported.")
        if self.pixel_shuffle < 1:
            raise ValueError(f"pixel_shuffle={self.pixel_shuffle} must be at least 1.")
        if self.resolution % self.downsampling:
            raise ValueError(
                f"resolution={self.resolution} must be a multiple of {self.downsampling}, "
                f"the downsampling of {len(self.ch_mult)} levels."
            )
        for name in ("ch", "decoder_ch"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}={value} must be at least 1.")
        if self.norm not in ("group", "position"):
            raise ValueError(f"norm={self.norm!r} must be 'group' or 'position'.")
        widths = [
            ch * multiple for ch in (self.ch, self.decoder_width) for multiple in self.ch_mult
        ]
        if self.norm == "group" and any(width % self.norm_groups for width in widths):
            raise ValueError(f"norm_groups={self.norm_groups} must divide the channels ch·ch_mult.")

    @property
    def decoder_width(self) -> int:
        """Channels of the decoder at full resolution."""
        return self.ch if self.decoder_ch is None else self.decoder_ch

    @property
    def downsampling(self) -> int:
        """Pixels along the side of one code."""
        return int(self.pixel_shuffle * 2 ** (len(self.ch_mult) - 1))

    @property
    def grid_size(self) -> int:
        """Codes along the side of a picture."""
        return self.resolution // self.downsampling

    @property
    def image_length(self) -> int:
        """Codes of a picture."""
        return self.grid_size**2


class PositionNorm(nn.Module):
    """Root-mean-square norm over the channels of each position, with scale and shift. (B, C, H, W).

    Source: Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019), per position.
    """

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        inverse = torch.rsqrt(x.square().mean(1, keepdim=True) + self.eps)
        return x * inverse * self.weight[:, None, None] + self.bias[:, None, None]


def _build_norm(channels: int, config: VQGANConfig) -> nn.GroupNorm | PositionNorm:
    if config.norm == "position":
        return PositionNorm(channels)
    return nn.GroupNorm(config.norm_groups, channels, eps=1e-6)


class ResnetBlock(nn.Module):
    """norm–swish–conv twice, with a 1×1 shortcut where the channels differ. (B, C, H, W)."""

    def __init__(self, in_channels: int, out_channels: int, config: VQGANConfig) -> None:
        super().__init__()
        self.norm1 = _build_norm(in_channels, config)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = _build_norm(out_channels, config)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        if in_channels != out_channels:
            self.nin_shortcut = nn.Conv2d(in_channels, out_channels, 1)
        self.has_shortcut = in_channels != out_channels

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B, out_channels, H, W)."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        restored: Tensor = (self.nin_shortcut(x) if self.has_shortcut else x) + h
        return restored


class AttnBlock(nn.Module):
    """Single-head attention over all positions of a feature map, with a residual. (B, C, H, W)."""

    def __init__(self, channels: int, config: VQGANConfig) -> None:
        super().__init__()
        self.norm = _build_norm(channels, config)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        h = self.norm(x)
        q, k, v = (proj(h).flatten(2) for proj in (self.q, self.k, self.v))  # (B, C, H·W)
        scores = q.transpose(1, 2) @ k * (x.shape[1] ** -0.5)  # (B, queries, keys)
        h = v @ scores.softmax(dim=-1).transpose(1, 2)
        attended: Tensor = self.proj_out(h.unflatten(2, x.shape[2:]))
        return x + attended


class Downsample(nn.Module):
    """Halve the sides: pad one pixel right and below, then a stride-2 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, H/2, W/2)."""
        halved: Tensor = self.conv(F.pad(x, (0, 1, 0, 1)))
        return halved


class Upsample(nn.Module):
    """Double the sides: repeat each pixel, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, 2H, 2W)."""
        doubled: Tensor = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return doubled


class Level(nn.Module):
    """One resolution of the encoder or decoder: residual blocks, attention, then a resampling."""

    def __init__(
        self, channels: list[int], side: int, config: VQGANConfig, resample: nn.Module | None
    ) -> None:
        """`channels` are those before, between and after the blocks; `resample` is named later."""
        super().__init__()
        pairs = list(itertools.pairwise(channels))
        self.block = nn.ModuleList(ResnetBlock(a, b, config) for a, b in pairs)
        attention = [AttnBlock(b, config) for _, b in pairs]
        self.attn = nn.ModuleList(attention if side in config.attn_resolutions else [])
        # Two names, as published weights have them; the other one does nothing and has no weights.
        self.downsample = resample if isinstance(resample, Downsample) else nn.Identity()
        self.upsample = resample if isinstance(resample, Upsample) else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels[0], H, W) to (B, channels[-1], H', W'), H' by the resampling."""
        for index, block in enumerate(self.block):
            x = block(x)
            if self.attn:
                x = self.attn[index](x)
        resampled: Tensor = self.upsample(self.downsample(x))
        return resampled


class Middle(nn.Module):
    """Residual block, attention if any, residual block at the lowest resolution. (B, C, h, w)."""

    def __init__(self, channels: int, config: VQGANConfig) -> None:
        super().__init__()
        self.block_1 = ResnetBlock(channels, channels, config)
        self.attn_1 = AttnBlock(channels, config) if config.mid_attention else nn.Identity()
        self.block_2 = ResnetBlock(channels, channels, config)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape."""
        mixed: Tensor = self.block_2(self.attn_1(self.block_1(x)))
        return mixed


class PictureEncoder(nn.Module):
    """Pixels to features at the codes' resolution."""

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        widths = [config.ch * multiple for multiple in config.ch_mult]
        self.shuffle = config.pixel_shuffle
        folded = config.in_channels * self.shuffle**2
        self.conv_in = nn.Conv2d(folded, config.ch, 3, padding=1)
        self.down = nn.ModuleList()
        for level, width in enumerate(widths):
            before = widths[level - 1] if level else config.ch
            resample = Downsample(width) if level < len(widths) - 1 else None
            channels = [before] + [width] * config.num_res_blocks
            side = config.resolution // self.shuffle >> level
            self.down.append(Level(channels, side, config, resample))
        self.mid = Middle(widths[-1], config) if config.encoder_middle else nn.Identity()
        self.norm_out = _build_norm(widths[-1], config)
        self.conv_out = nn.Conv2d(widths[-1], config.z_channels, 3, padding=1)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, z_channels, h, w)."""
        x = self.conv_in(F.pixel_unshuffle(pixels, self.shuffle) if self.shuffle > 1 else pixels)
        for level in self.down:
            x = level(x)
        features: Tensor = self.conv_out(F.silu(self.norm_out(self.mid(x))))
        return features


class PictureDecoder(nn.Module):
    """Features at the codes' resolution to pixels. `up[0]` is the last, full-size level."""

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        widths = [config.decoder_width * multiple for multiple in config.ch_mult]
        self.conv_in = nn.Conv2d(config.z_channels, widths[-1], 3, padding=1)
        self.mid = Middle(widths[-1], config)
        levels = []
        for level, width in enumerate(widths):
            before = widths[level + 1] if level < len(widths) - 1 else width
            channels = [before] + [width] * (config.num_res_blocks + 1)
            resample = Upsample(width) if level else None
            side = config.resolution // config.pixel_shuffle >> level
            levels.append(Level(channels, side, config, resample))
        self.up = nn.ModuleList(levels)
        self.norm_out = _build_norm(widths[0], config)
        self.shuffle = config.pixel_shuffle
        folded = config.out_ch * self.shuffle**2
        self.conv_out = nn.Conv2d(widths[0], folded, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, z_channels, h, w) to (B, out_ch, H, W), not clipped."""
        x = self.mid(self.conv_in(features))
        for level in reversed(self.up):
            x = level(x)
        pixels: Tensor = self.conv_out(F.silu(self.norm_out(x)))
        return F.pixel_shuffle(pixels, self.shuffle) if self.shuffle > 1 else pixels


class Codebook(nn.Module):
    """The learned vectors, and the nearest one to a vector."""

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.n_embed, config.embed_dim)

    def nearest(self, z: Tensor) -> Tensor:
        """Indices (…) of the codebook vectors nearest to `z` (…, E) by Euclidean distance."""
        codes = self.embedding.weight
        distance = codes.square().sum(1) - 2 * z @ codes.T  # |z|² is the same for every code
        return distance.argmin(dim=-1)


class VQGAN(nn.Module):
    """Encoder, codebook and decoder."""

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        self.config = config
        if config.has_encoder:
            self.encoder = PictureEncoder(config)
        self.decoder = PictureDecoder(config)
        self.quantize = Codebook(config)
        if config.has_encoder:
            self.quant_conv = nn.Conv2d(config.z_channels, config.embed_dim, 1)
        self.post_quant_conv = nn.Conv2d(config.embed_dim, config.z_channels, 1)

    def encode_features(self, pixels: Tensor) -> Tensor:
        """Pixels (B, 3, H, W) in [0, 1] to vectors (B, h, w, E) before they are quantized.

        Raises:
            UserError: the model was published without its encoder.
        """
        if not self.config.has_encoder:
            raise UserError(
                "This VQGAN is a decoder alone and cannot turn pictures into codes; convert the "
                "full model of dalle-mini or taming-transformers instead."
            )
        vectors: Tensor = self.quant_conv(self.encoder(pixels))
        return vectors.permute(0, 2, 3, 1)

    def encode(self, pixels: Tensor) -> Tensor:
        """Pixels (B, 3, H, W) in [0, 1] to codes (B, N), int64, row by row."""
        return self.quantize.nearest(self.encode_features(pixels)).flatten(1)

    def decode_features(self, vectors: Tensor) -> Tensor:
        """Codebook vectors (B, h, w, E) to pixels (B, 3, H, W), not clipped."""
        channels_first = vectors.permute(0, 3, 1, 2)
        pixels: Tensor = self.decoder(self.post_quant_conv(channels_first))
        return pixels

    def decode(self, codes: Tensor) -> Tensor:
        """Codes to pixels in [0, 1].

        Args:
            codes: (B, N) for a square grid, or (B, h, w), integers in 0..n_embed-1.

        Returns:
            (B, 3, H, W) floats, clipped to [0, 1].
        """
        if codes.dim() == 2:
            side = math.isqrt(codes.shape[1])
            codes = codes.view(-1, side, side)
        vectors = self.quantize.embedding(codes)
        return self.decode_features(vectors).clamp(0, 1)
