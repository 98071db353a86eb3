"""Laws of the faster VQGAN: near the plain one, in every kind, one picture or several at a time."""

from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import pytest
import torch
from torch import nn

from ninefold.checkpoints.load import load_vqgan
from ninefold.checkpoints.registry import find_model
from ninefold.engine.fast_vqgan import PainterKind, speed_up
from ninefold.engine.native.vqgan_blocks import WinogradConvolution
from ninefold.engine.threads import ThreadShare, set_threads
from ninefold.generation.decode import decode_picture
from ninefold.models.vqgan import VQGAN, PositionNorm, ResnetBlock, VQGANConfig
from tests.native_kinds import painting_kinds
from tests.tiny import build_vqgan

POCKET_CODES = torch.arange(64) * 13 % 1024


@pytest.mark.native("float32")
def test_float32_is_as_near_to_exact_arithmetic_as_the_plain_network() -> None:
    with torch.inference_mode():
        exact = load_vqgan(find_model("pocket")).double().decode(POCKET_CODES[None])
        plain = load_vqgan(find_model("pocket")).decode(POCKET_CODES[None])
        fast = speed_up(load_vqgan(find_model("pocket")), "float32").decode(POCKET_CODES[None])
    assert (fast - exact).abs().mean() < 1.5 * (plain - exact).abs().mean()
    # Of what lies on the edge between two levels, some falls to the other side.
    levels = [(pixels * 255).round() for pixels in (fast, plain)]
    assert (levels[0] - levels[1]).abs().max() <= 1
    assert (levels[0] != levels[1]).float().mean() < 0.001


@pytest.mark.instructions("avx512")
def test_bfloat16_paints_the_pictures_of_the_plain_network_but_for_rounding() -> None:
    folder = find_model("pocket")
    expected = torch.from_numpy(decode_picture(load_vqgan(folder), POCKET_CODES)).float()
    fast = speed_up(load_vqgan(folder), "bfloat16")
    found = torch.from_numpy(decode_picture(fast, POCKET_CODES)).float()
    error = float((found - expected).square().mean())
    assert 20 * torch.tensor(255 / error**0.5).log10() > 48.0
    exchanged = [m for m in fast.decoder.modules() if isinstance(m, WinogradConvolution)]
    assert len(exchanged) > 10


@pytest.mark.parametrize("kind", painting_kinds())
def test_pictures_painted_at_the_same_time_are_those_painted_alone(kind: PainterKind) -> None:
    vqgan = speed_up(load_vqgan(find_model("pocket")), kind)
    codes = [POCKET_CODES.roll(shift) for shift in range(8)]
    alone = [decode_picture(vqgan, each) for each in codes]
    with ThreadPoolExecutor(4, initializer=set_threads, initargs=(1,)) as pool:
        together = list(pool.map(lambda each: decode_picture(vqgan, each), codes))
    assert all((one == other).all() for one, other in zip(alone, together, strict=True))


@pytest.mark.parametrize("kind", painting_kinds())
def test_the_last_picture_takes_idle_threads_and_keeps_its_bits(kind: PainterKind) -> None:
    vqgan = speed_up(load_vqgan(find_model("pocket")), kind)
    alone = decode_picture(vqgan, POCKET_CODES)
    with ThreadShare(3).painting():
        assert (decode_picture(vqgan, POCKET_CODES) == alone).all()


LOCAL = VQGANConfig(
    ch=16, ch_mult=(1, 2), num_res_blocks=1, resolution=32, attn_resolutions=(),
    mid_attention=False, pixel_shuffle=4, z_channels=32, embed_dim=8, n_embed=64,
    norm="position", decoder_ch=48,
)  # fmt: skip
"""Of the shape of a model whose codes are local."""


@pytest.mark.parametrize("kind", painting_kinds())
@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (1, 1), (12, 12)])
def test_a_decoder_that_norms_each_position_is_exchanged_whole(
    kind: PainterKind, shape: tuple[int, int]
) -> None:
    codes = torch.arange(shape[0] * shape[1]).view(shape) * 13 % 64
    expected = torch.from_numpy(decode_picture(build_vqgan(LOCAL), codes)).float()
    fast = speed_up(build_vqgan(LOCAL), kind)
    parts = list(fast.decoder.modules())
    assert not any(isinstance(part, PositionNorm | ResnetBlock) for part in parts)
    assert all(part.kernel_size == (1, 1) for part in parts if isinstance(part, nn.Conv2d))
    found = torch.from_numpy(decode_picture(fast, codes)).float()
    assert expected.std() > 20
    if kind == "float32":
        assert (found - expected).abs().max() <= 1
    else:
        assert (
            20 * torch.tensor(255 / float((found - expected).square().mean()) ** 0.5).log10() > 40
        )


@pytest.mark.parametrize("kind", painting_kinds())
def test_what_a_local_decoder_paints_does_not_depend_on_codes_far_below(kind: PainterKind) -> None:
    fast = speed_up(build_vqgan(LOCAL), kind)
    codes = torch.arange(40 * 3).view(40, 3) * 29 % 64
    whole, begun = decode_picture(fast, codes), decode_picture(fast, codes[:24])
    assert (whole[: 8 * 12] == begun[: 8 * 12]).all()
    assert not (whole[8 * 23 : 8 * 24] == begun[8 * 23 : 8 * 24]).all()  # beside the border


@pytest.mark.native("float32")
@pytest.mark.parametrize("norm", ["group", "position"])
def test_parts_with_odd_channels_stay_as_they_are(norm: Literal["group", "position"]) -> None:
    config = VQGANConfig(
        ch=16, ch_mult=(1, 2), norm_groups=8, resolution=8, attn_resolutions=(),
        norm=norm, decoder_ch=24,
    )  # fmt: skip
    vqgan = VQGAN(config)
    codes = torch.arange(16)
    expected = torch.from_numpy(decode_picture(vqgan, codes)).float()
    fast = speed_up(vqgan, "float32")
    assert any(isinstance(module, ResnetBlock) for module in fast.decoder.modules())
    assert (torch.from_numpy(decode_picture(fast, codes)).float() - expected).abs().max() <= 1
