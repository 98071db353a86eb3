"""Laws of the native parts of the VQGAN: those of PyTorch within the format, for any threads."""

from typing import Literal

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from torch import Tensor, nn

from ninefold.engine.native.library import LIMIT_VARIABLE
from ninefold.engine.native.structures import Kind
from ninefold.engine.native.vqgan_blocks import (
    FastResnetBlock,
    NormSilu,
    WinogradConvolution,
    can_convolve,
)
from ninefold.models.vqgan import PositionNorm, ResnetBlock, Upsample, VQGANConfig
from tests.native_kinds import painting_kinds

TOLERANCE: dict[Kind, float] = {"float32": 1e-5, "bfloat16": 0.03}
"""Of the result's deviation."""


def picture(kind: Kind, channels: int, height: int, width: int, batch: int = 1) -> Tensor:
    x = torch.randn(batch, channels, height, width)
    return x.to(torch.float32 if kind == "float32" else torch.bfloat16)


def error(found: Tensor, expected: Tensor) -> float:
    return float((found.float() - expected).abs().max() / expected.std())


@pytest.mark.parametrize("kind", painting_kinds())
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 4), (17, 9)])
@pytest.mark.parametrize("channels", [(16, 16), (32, 80), (48, 32)])
@torch.inference_mode()
def test_a_convolution_is_that_of_torch(
    kind: Kind, shape: tuple[int, int], channels: tuple[int, int]
) -> None:
    conv = nn.Conv2d(*channels, 3, padding=1)
    x = picture(kind, channels[0], *shape, batch=2)
    found = WinogradConvolution(conv, kind)(x)
    assert found.dtype == x.dtype
    assert error(found, conv(x.float())) < TOLERANCE[kind]


@pytest.mark.parametrize("kind", painting_kinds())
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (13, 8)])
@torch.inference_mode()
def test_upsampling_and_convolution_in_one_are_the_two_apart(
    kind: Kind, shape: tuple[int, int]
) -> None:
    upsample = Upsample(64)
    x = picture(kind, 64, *shape)
    found = WinogradConvolution(upsample, kind)(x)
    assert error(found, upsample(x.float())) < TOLERANCE[kind]


@pytest.mark.parametrize("kind", painting_kinds())
@torch.inference_mode()
def test_norm_and_activation_are_those_of_torch(kind: Kind) -> None:
    norm = nn.GroupNorm(8, 48, eps=1e-6)
    norm.weight.data, norm.bias.data = torch.randn(48), torch.randn(48)
    x = picture(kind, 48, 37, 23, batch=2) * 3 + 1
    expected = F.silu(norm(x.float()))
    assert error(NormSilu(norm, kind)(x), expected) < TOLERANCE[kind]


@pytest.mark.parametrize("kind", painting_kinds())
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (37, 23)])
@pytest.mark.parametrize("channels", [16, 48, 80])
@torch.inference_mode()
def test_the_norm_of_a_position_and_activation_are_those_of_torch(
    kind: Kind, shape: tuple[int, int], channels: int
) -> None:
    norm = PositionNorm(channels)
    norm.weight.data, norm.bias.data = torch.randn(channels), torch.randn(channels)
    x = picture(kind, channels, *shape, batch=2) * 3 + 1
    expected = F.silu(norm(x.float()))
    found = NormSilu(norm, kind)(x)
    assert found.dtype == x.dtype
    rounding = 2.0**-8 if kind == "bfloat16" else 0.0  # half a unit in the last place
    assert ((found - expected).abs() <= rounding * expected.abs() + 1e-5).all()


@pytest.mark.parametrize("kind", painting_kinds())
@torch.inference_mode()
def test_the_norm_of_a_position_is_of_that_position_alone(kind: Kind) -> None:
    norm = NormSilu(PositionNorm(32), kind)
    x = picture(kind, 32, 9, 7)
    changed = x.clone()
    changed[..., 4, 5] = 0.0
    found, expected = norm(changed), norm(x)
    assert not found[..., 4, 5].any()  # of nothing but zeros it is the bias
    found[..., 4, 5] = expected[..., 4, 5]
    assert torch.equal(found, expected)


@pytest.mark.parametrize("kind", painting_kinds())
@pytest.mark.parametrize("norm", ["group", "position"])
@pytest.mark.parametrize("channels", [(32, 32), (32, 64)])
@torch.inference_mode()
def test_threads_change_no_bit_of_a_block(
    kind: Kind, norm: Literal["group", "position"], channels: tuple[int, int]
) -> None:
    block = FastResnetBlock(ResnetBlock(*channels, VQGANConfig(norm=norm)), kind)
    block.shortcut.to(torch.float32 if kind == "float32" else torch.bfloat16)
    x = picture(kind, 32, 33, 40)
    alone = block.branch(x)
    torch.set_num_threads(3)
    try:
        assert torch.equal(block.branch(x), alone)
    finally:
        torch.set_num_threads(1)


@pytest.mark.instructions("avx512")  # of those that can do it, all can do AVX2
@pytest.mark.parametrize("norm", ["group", "position"])
@torch.inference_mode()
def test_avx2_paints_the_bits_of_avx512(
    norm: Literal["group", "position"], monkeypatch: pytest.MonkeyPatch
) -> None:
    block = ResnetBlock(32, 32, VQGANConfig(norm=norm))
    x = picture("float32", 32, 9, 14)
    wide = FastResnetBlock(block, "float32")(x)
    monkeypatch.setenv(LIMIT_VARIABLE, "avx2")
    assert torch.equal(FastResnetBlock(block, "float32")(x), wide)


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(24, 32, 3, padding=1),
        nn.Conv2d(32, 3, 3, padding=1),
        nn.Conv2d(32, 32, 1),
        nn.Conv2d(32, 32, 3, padding=1, stride=2),
        nn.Conv2d(32, 32, 3, padding=1, bias=False),
    ],
)
def test_what_it_cannot_do_is_left_alone(conv: nn.Conv2d) -> None:
    assert not can_convolve(conv)
