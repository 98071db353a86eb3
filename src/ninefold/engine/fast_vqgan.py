"""The VQGAN made faster on a CPU: the same network with some of its parts exchanged.

Channels last, one picture at a time, whose features then fit the cache. In bfloat16 an upsampling
with the convolution after it becomes one convolution at the lower resolution with a quarter of the
multiplications to each output, exact up to rounding. With eight bits, the convolutions after norm
and SiLU, four fifths of the work, take weights with a scale a channel and inputs with a scale and
zero point a picture. PyTorch's private operators for them are used here and nowhere else.
"""

import ctypes
from typing import Literal, cast

import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from torch import Tensor, nn

from ninefold.engine.native.library import load_library
from ninefold.models.vqgan import VQGAN, Level, ResnetBlock, Upsample

PainterKind = Literal["float32", "bfloat16", "int8"]


def speed_up(vqgan: VQGAN, kind: PainterKind) -> VQGAN:
    """Exchange parts of a float32 VQGAN's decoder and return it.

    Raises:
        NativeUnavailableError: `int8` cannot run here.
    """
    if kind == "float32":
        return _channels_last(vqgan)
    library = load_library() if kind == "int8" else None
    with torch.inference_mode():
        for module in vqgan.decoder.up:
            level = cast("Level", module)
            if "upsample" in level._modules:
                level.add_module("upsample", JoinedUpsample(level.upsample))
            if library is not None:
                for index, block in enumerate(level.block):
                    level.block[index] = exchange(cast("ResnetBlock", block), library)
        if library is not None:
            middle = vqgan.decoder.mid
            middle.add_module("block_1", exchange(middle.block_1, library))
            middle.add_module("block_2", exchange(middle.block_2, library))
        return _channels_last(vqgan.to(torch.bfloat16))


def _channels_last(vqgan: VQGAN) -> VQGAN:
    """Lay out the weights of all convolutions like pictures, so that none is turned at each use."""
    for parameter in vqgan.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return vqgan


class JoinedUpsample(nn.Module):
    """Nearest upsampling and a 3×3 convolution as one 2×2 convolution to four times the channels.

    An output pixel sees its own pixel of the input more than once; those weights are added up
    beforehand. Which two rows and columns it sees depends on whether its own are even or odd.
    """

    def __init__(self, upsample: Upsample) -> None:
        super().__init__()
        weight = upsample.conv.weight.detach()  # (out, in, 3, 3)
        assert upsample.conv.bias is not None
        rows = torch.stack([_join(weight, 2, 0), _join(weight, 2, 1)])  # (2, out, in, 2, 3)
        both = torch.stack([_join(rows, 4, 0), _join(rows, 4, 1)], dim=1)  # (2, 2, out, in, 2, 2)
        self.out_channels = weight.shape[0]
        self.weight = nn.Parameter(both.flatten(0, 2).contiguous(), requires_grad=False)
        self.bias = nn.Parameter(upsample.conv.bias.detach().repeat(4), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', 2H, 2W)."""
        batch, _, height, width = x.shape
        four = F.conv2d(x, self.weight, self.bias, padding=1)  # (B, 4 C', H + 1, W + 1)
        doubled = x.new_empty(batch, self.out_channels, 2 * height, 2 * width).contiguous(
            memory_format=torch.channels_last
        )
        for part, quarter in enumerate(four.chunk(4, dim=1)):
            row, column = divmod(part, 2)
            doubled[:, :, row::2, column::2] = quarter[
                :, :, row : row + height, column : column + width
            ]
        return doubled


def _join(weight: Tensor, dim: int, parity: int) -> Tensor:
    """Add up the two of three weights along `dim` that meet the same pixel of the input."""
    first, middle, last = weight.chunk(3, dim)
    pair = (first, middle + last) if parity == 0 else (first + middle, last)
    return torch.cat(pair, dim)


def exchange(block: ResnetBlock, library: ctypes.CDLL) -> nn.Module:
    """Return a block with eight-bit convolutions, or the same one if its channels are too odd."""
    norms = (block.norm1, block.norm2)
    if any(norm.num_channels % 16 for norm in norms):
        return block
    return RoundedResnetBlock(block, library)


class RoundedResnetBlock(nn.Module):
    """A `ResnetBlock` whose two 3×3 convolutions take eight-bit inputs and weights."""

    def __init__(self, block: ResnetBlock, library: ctypes.CDLL) -> None:
        super().__init__()
        self.first = RoundedConvolution(block.norm1, block.conv1, library)
        self.second = RoundedConvolution(block.norm2, block.conv2, library)
        self.shortcut = block.nin_shortcut if block.has_shortcut else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) to (B, out, H, W)."""
        restored: Tensor = self.shortcut(x) + self.second(self.first(x))
        return restored


class RoundedConvolution(nn.Module):
    """GroupNorm, SiLU and a 3×3 convolution in eight bits, bfloat16 to bfloat16, channels last."""

    def __init__(self, norm: nn.GroupNorm, conv: nn.Conv2d, library: ctypes.CDLL) -> None:
        super().__init__()
        self.library, self.groups, self.eps = library, norm.num_groups, norm.eps
        self.norm_weight = norm.weight.detach().float().clone()
        self.norm_bias = norm.bias.detach().float().clone()
        assert conv.bias is not None
        weight = conv.weight.detach().float()
        self.scale = weight.abs().amax(dim=(1, 2, 3)).clamp_min(1e-12) / 127
        rounded = (weight / self.scale[:, None, None, None]).round().to(torch.int8)
        self.packed = torch.ops.onednn.qconv_prepack(
            rounded, self.scale, 1.0, 1, [1, 1], [1, 1], [1, 1], 1, None
        )
        self.zeros = torch.zeros(len(weight), dtype=torch.int32)
        self.bias = conv.bias.detach().float().clone()

    def forward(self, x: Tensor) -> Tensor:
        """(1, in, H, W) to (1, out, H, W)."""
        x = x.contiguous(memory_format=torch.channels_last)
        _, channels, height, width = x.shape
        rounded = torch.empty_like(x, dtype=torch.uint8, memory_format=torch.channels_last)
        factor, shift, range_ = torch.empty(channels), torch.empty(channels), torch.empty(2)
        pointer = ctypes.c_void_p
        self.library.norm_silu_round(
            pointer(x.data_ptr()),
            *map(ctypes.c_int64, (len(x) * height * width, channels, self.groups)),
            pointer(self.norm_weight.data_ptr()),
            pointer(self.norm_bias.data_ptr()),
            ctypes.c_float(self.eps),
            *(pointer(t.data_ptr()) for t in (factor, shift, rounded, range_)),
        )
        scale, zero = range_.tolist()
        convolved: Tensor = torch.ops.onednn.qconv2d_pointwise(
            rounded, scale, int(zero), self.packed, self.scale, self.zeros, self.bias,
            [1, 1], [1, 1], [1, 1], 1, 1.0, 0, torch.bfloat16, "none", [], "",
        )  # fmt: skip
        return convolved
