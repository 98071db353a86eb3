"""Laws of the faster VQGAN: near the plain one, in every kind, one picture or several at a time."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from ninefold.checkpoints.load import load_vqgan
from ninefold.checkpoints.registry import find_model
from ninefold.engine.fast_vqgan import JoinedUpsample, PainterKind, RoundedResnetBlock, speed_up
from ninefold.engine.threads import set_threads
from ninefold.generation.decode import decode_picture
from ninefold.models.vqgan import Upsample
from tests.tiny import build_vqgan

POCKET_CODES = torch.arange(64) * 13 % 1024


@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (2, 5, 4, 7)])
def test_upsampling_and_convolution_in_one_are_the_two_apart(shape: tuple[int, ...]) -> None:
    upsample = Upsample(shape[1])
    x = torch.randn(shape)
    with torch.inference_mode():
        torch.testing.assert_close(JoinedUpsample(upsample)(x), upsample(x))


@pytest.mark.parametrize(
    ("kind", "least_psnr"), [("float32", 100.0), ("bfloat16", 48.0), ("int8", 46.0)]
)
def test_pictures_of_pocket_are_those_of_the_plain_network(
    kind: PainterKind, least_psnr: float
) -> None:
    folder = find_model("pocket")
    expected = torch.from_numpy(decode_picture(load_vqgan(folder), POCKET_CODES)).float()
    fast = speed_up(load_vqgan(folder), kind)
    found = torch.from_numpy(decode_picture(fast, POCKET_CODES)).float()
    error = float((found - expected).square().mean())
    psnr = 200.0 if error == 0.0 else float(20 * torch.tensor(255 / error**0.5).log10())
    assert psnr > least_psnr
    has_rounded = any(isinstance(module, RoundedResnetBlock) for module in fast.modules())
    assert has_rounded == (kind == "int8")


@pytest.mark.parametrize("kind", ["bfloat16", "int8"])
def test_pictures_painted_at_the_same_time_are_those_painted_alone(kind: PainterKind) -> None:
    vqgan = speed_up(load_vqgan(find_model("pocket")), kind)
    codes = [POCKET_CODES.roll(shift) for shift in range(8)]
    alone = [decode_picture(vqgan, each) for each in codes]
    with ThreadPoolExecutor(4, initializer=set_threads, initargs=(1,)) as pool:
        together = list(pool.map(lambda each: decode_picture(vqgan, each), codes))
    assert all((one == other).all() for one, other in zip(alone, together, strict=True))


def test_blocks_of_odd_channels_stay_as_they_are() -> None:
    vqgan = speed_up(build_vqgan(), "int8")
    rounded = [m for m in vqgan.modules() if isinstance(m, RoundedResnetBlock)]
    assert all(block.first.norm_weight.numel() % 16 == 0 for block in rounded)
    decode_picture(vqgan, torch.arange(16))
