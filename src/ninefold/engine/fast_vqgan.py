"""The VQGAN made faster on a CPU: the same network with some of its parts exchanged.

Channels last, one picture at a time, whose features then fit the cache. The 3×3 convolutions, four
fifths of the time, take fewer multiplications (`native/winograd.h`), and norm and activation are
one, for both kinds of norm. Parts whose channels are too odd for that stay as they are.
"""

from typing import Literal, cast

import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from torch import Tensor, nn

from ninefold.engine.native.vqgan_blocks import (
    FastResnetBlock,
    NormSilu,
    Release,
    WinogradConvolution,
    can_convolve,
    can_norm,
)
from ninefold.models.vqgan import VQGAN, Level, PictureDecoder, ResnetBlock, Upsample

PainterKind = Literal["float32", "bfloat16"]


def speed_up(vqgan: VQGAN, kind: PainterKind, release: Release = lambda _: None) -> VQGAN:
    """Exchange parts of a float32 VQGAN's decoder and return it.

    Args:
        vqgan: is changed.
        kind: number format to paint in.
        release: called with weights that are not read again.

    Raises:
        NativeUnavailableError: the native module cannot do `kind` here.
    """
    decoder = vqgan.decoder
    with torch.inference_mode():
        if can_convolve(decoder.conv_in):
            decoder.add_module("conv_in", WinogradConvolution(decoder.conv_in, kind, release))
        for name in ("block_1", "block_2"):
            decoder.mid.add_module(name, _exchange(getattr(decoder.mid, name), kind, release))
        for module in decoder.up:
            level = cast("Level", module)
            for index, block in enumerate(level.block):
                level.block[index] = _exchange(cast("ResnetBlock", block), kind, release)
            if isinstance(level.upsample, Upsample) and can_convolve(level.upsample.conv):
                level.add_module("upsample", WinogradConvolution(level.upsample, kind, release))
        vqgan.add_module("decoder", _FastDecoder(decoder, kind, release))
        vqgan = vqgan.to(torch.bfloat16 if kind == "bfloat16" else torch.float32)
        return _channels_last(vqgan)


class _FastDecoder(nn.Module):
    """A `PictureDecoder` of exchanged parts; those after its last level depend on each other.

    Its last convolution can be exchanged only where its pixels are folded into enough channels.
    """

    def __init__(self, decoder: PictureDecoder, kind: PainterKind, release: Release) -> None:
        super().__init__()
        self.conv_in, self.mid, self.up = decoder.conv_in, decoder.mid, decoder.up
        norm, conv = decoder.norm_out, decoder.conv_out
        self.norm_silu_out: nn.Module = (
            NormSilu(norm, kind) if can_norm(norm) else nn.Sequential(norm, nn.SiLU())
        )
        self.conv_out: nn.Module = (
            WinogradConvolution(conv, kind, release) if can_convolve(conv) else conv
        )
        self.shuffle = decoder.shuffle

    def forward(self, features: Tensor) -> Tensor:
        """(B, z_channels, h, w) to (B, out_ch, H, W), not clipped."""
        x = self.mid(self.conv_in(features))
        for level in reversed(self.up):
            x = level(x)
        pixels: Tensor = self.conv_out(self.norm_silu_out(x))
        return F.pixel_shuffle(pixels, self.shuffle) if self.shuffle > 1 else pixels


def _exchange(block: ResnetBlock, kind: PainterKind, release: Release) -> nn.Module:
    convolutions = (block.conv1, block.conv2)
    if not all(map(can_convolve, convolutions)):
        return block
    return FastResnetBlock(block, kind, release)


def _channels_last(vqgan: VQGAN) -> VQGAN:
    """Lay out the weights of all convolutions like pictures, so that none is turned at each use."""
    for parameter in vqgan.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return vqgan
