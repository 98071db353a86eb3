"""Parts of the VQGAN by the C++ module, as modules of PyTorch: 3×3 convolutions, norm and SiLU.

Pictures are float32 or bfloat16 with the channels last, channels in sixteens; a picture's pixels do
not depend on the number of threads.
"""

import ctypes
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ninefold.engine.native.structures import Kind, Linear, Packer, load_painting_library
from ninefold.engine.threads import wide_threads
from ninefold.models.vqgan import PositionNorm, ResnetBlock, Upsample

CHANNELS = 16
"""Channels come in multiples of this."""

Release = Callable[[Tensor], object]

_TRANSFORM = ((1.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.0, 0.0, 1.0))
"""Of a line of weights; see `winograd.h`."""

_UPSAMPLING = ((1.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))
"""The same where the input's pixels were repeated before."""


class _Winograd(ctypes.Structure):
    _fields_ = (
        ("products", ctypes.POINTER(Linear)),
        ("bias", ctypes.c_void_p),
        *(
            (name, ctypes.c_int64)
            for name in ("in_channels", "out_channels", "is_upsampling", "is_bf16_picture")
        ),
    )


def can_convolve(conv: nn.Conv2d) -> bool:
    """Return whether a convolution can be exchanged for one of these."""
    is_plain = (conv.kernel_size, conv.stride, conv.padding, conv.groups) == (
        (3, 3),
        (1, 1),
        (1, 1),
        1,
    )
    channels = (conv.in_channels, conv.out_channels)
    return is_plain and conv.bias is not None and all(n % CHANNELS == 0 for n in channels)


def can_norm(norm: nn.GroupNorm | PositionNorm) -> bool:
    """Return whether a norm and the SiLU after it can be exchanged for one of these."""
    return len(norm.weight) % CHANNELS == 0


class WinogradConvolution(nn.Module):
    """A 3×3 convolution of pictures of one format, perhaps of their nearest upsampling."""

    def __init__(
        self, layer: nn.Conv2d | Upsample, kind: Kind, release: Release = lambda _: None
    ) -> None:
        """Transform and pack float32 weights; `kind` is float32 or bfloat16.

        `release` is called with the weights, which are not read again.

        Raises:
            NativeUnavailableError: the module cannot be built or run here.
        """
        super().__init__()
        self.is_upsampling = isinstance(layer, Upsample)
        conv = layer.conv if isinstance(layer, Upsample) else layer
        assert can_convolve(conv)
        assert conv.bias is not None
        self.in_channels, self.out_channels = conv.in_channels, conv.out_channels
        self.dtype = torch.float32 if kind == "float32" else torch.bfloat16
        self.library = load_painting_library(kind)
        self._packer = Packer(self.library)
        rows = torch.tensor(_UPSAMPLING if self.is_upsampling else _TRANSFORM, dtype=torch.float64)
        self.num_points = len(rows)
        weight = conv.weight.detach().double()
        transformed = torch.einsum("pi,qj,ocij->pqoc", rows, rows, weight).flatten(0, 1).float()
        self._products = (Linear * len(transformed))(
            *(self._packer.linear(kind, matrix.contiguous()) for matrix in transformed)
        )
        release(conv.weight.detach())
        self._winograd = _Winograd(
            self._products,
            self._packer.keep(conv.bias.detach().float().clone()),
            conv.in_channels,
            conv.out_channels,
            self.is_upsampling,
            kind == "bfloat16",
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) to (B, out, H, W), or twice the sides."""
        assert x.dtype == self.dtype, "the picture is in another number format"
        x = x.contiguous(memory_format=torch.channels_last)
        batch, _, height, width = x.shape
        scale = 2 if self.is_upsampling else 1
        out = torch.empty(
            (batch, self.out_channels, scale * height, scale * width),
            dtype=x.dtype,
            memory_format=torch.channels_last,
        )
        with wide_threads():
            for picture, result in zip(x, out, strict=True):
                self.library.convolve(
                    ctypes.byref(self._winograd),
                    ctypes.c_void_p(picture.data_ptr()),
                    ctypes.c_int64(height),
                    ctypes.c_int64(width),
                    ctypes.c_void_p(result.data_ptr()),
                )
        return out


class NormSilu(nn.Module):
    """A norm of the VQGAN and SiLU of pictures of one format."""

    def __init__(self, norm: nn.GroupNorm | PositionNorm, kind: Kind) -> None:
        """Copy float32 weights; `kind` is float32 or bfloat16.

        Raises:
            NativeUnavailableError: the module cannot be built or run here.
        """
        super().__init__()
        assert can_norm(norm)
        self.library = load_painting_library(kind)
        self.groups = norm.num_groups if isinstance(norm, nn.GroupNorm) else None
        self.eps = norm.eps
        self.is_bf16 = kind == "bfloat16"
        self.dtype = torch.bfloat16 if self.is_bf16 else torch.float32
        self.norm_weight = norm.weight.detach().float().clone()
        self.norm_bias = norm.bias.detach().float().clone()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        assert x.dtype == self.dtype, "the picture is in another number format"
        x = x.contiguous(memory_format=torch.channels_last)
        out = torch.empty_like(x)
        _, channels, height, width = x.shape
        sizes = [height * width, channels]
        run = self.library.position_norm_silu
        if self.groups is not None:
            sizes.append(self.groups)
            run = self.library.norm_silu
        with wide_threads():
            for picture, result in zip(x, out, strict=True):
                run(
                    ctypes.c_int64(self.is_bf16),
                    ctypes.c_void_p(picture.data_ptr()),
                    *map(ctypes.c_int64, sizes),
                    ctypes.c_void_p(self.norm_weight.data_ptr()),
                    ctypes.c_void_p(self.norm_bias.data_ptr()),
                    ctypes.c_float(self.eps),
                    ctypes.c_void_p(result.data_ptr()),
                )
        return out


class FastResnetBlock(nn.Module):
    """A `ResnetBlock` of these parts."""

    def __init__(self, block: ResnetBlock, kind: Kind, release: Release = lambda _: None) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            NormSilu(block.norm1, kind),
            WinogradConvolution(block.conv1, kind, release),
            NormSilu(block.norm2, kind),
            WinogradConvolution(block.conv2, kind, release),
        )
        self.shortcut = block.nin_shortcut if block.has_shortcut else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) to (B, out, H, W)."""
        restored: Tensor = self.shortcut(x) + self.branch(x)
        return restored
