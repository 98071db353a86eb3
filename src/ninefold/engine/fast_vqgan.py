"""The VQGAN made faster on a CPU: the same network with some of its parts exchanged.

Channels last, one picture at a time, whose features then fit the cache. The 3×3 convolutions, four
fifths of the time, take fewer multiplications (`native/winograd.h`), and norm and activation are
one. Parts whose channels are too odd for that stay as they are.
"""

from typing import Literal, cast

import torch
from torch import nn

from ninefold.engine.native.pictures import (
    FastResnetBlock,
    Release,
    WinogradConvolution,
    can_convolve,
)
from ninefold.models.vqgan import VQGAN, Level, ResnetBlock

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
            if "upsample" in level._modules and can_convolve(level.upsample.conv):
                level.add_module("upsample", WinogradConvolution(level.upsample, kind, release))
        vqgan = vqgan.to(torch.bfloat16 if kind == "bfloat16" else torch.float32)
        return _channels_last(vqgan)


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
