"""Laws of pictures: truncated pixels, previews, and grids that run together."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ninefold.errors import NinefoldError
from ninefold.generation.decode import decode_picture, decode_preview, decode_square, fill_codes
from ninefold.models.vqgan import VQGAN
from tests.tiny import build_vqgan


@pytest.fixture(scope="module")
def vqgan() -> VQGAN:
    return build_vqgan()


def some_codes(count: int, seed: int = 0) -> Tensor:
    return torch.randint(64, (count, 16), generator=torch.Generator().manual_seed(seed))


def test_pixels_are_cut_off_not_rounded(vqgan: VQGAN) -> None:
    codes = some_codes(1)
    with torch.inference_mode():
        exact = vqgan.decode(codes)[0].permute(1, 2, 0).numpy()
    pixels = decode_picture(vqgan, codes[0])
    assert pixels.shape == (16, 16, 3)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.floor(exact * np.float32(255)))
    assert not np.array_equal(pixels, np.rint(exact * 255))
    assert 20 < pixels.mean() < 235


def test_white_is_255_and_black_is_0() -> None:
    vqgan = build_vqgan()
    with torch.no_grad():
        vqgan.get_parameter("decoder.conv_out.bias").copy_(torch.tensor([9.0, -9.0, 9.0]))
    pixels = decode_picture(vqgan, some_codes(1)[0])
    assert np.unique(pixels.reshape(-1, 3), axis=0).tolist() == [[255, 0, 255]]


def test_a_network_that_gives_no_numbers_is_an_error_not_a_picture() -> None:
    vqgan = build_vqgan()
    with torch.no_grad():
        vqgan.get_parameter("decoder.conv_out.bias").fill_(float("nan"))
    with pytest.raises(NinefoldError, match="draw in float32"):
        decode_picture(vqgan, some_codes(1)[0])


@given(st.lists(st.integers(0, 63), min_size=1, max_size=16))
def test_a_preview_keeps_what_is_drawn_and_repeats_the_commonest_code(drawn: list[int]) -> None:
    filled = fill_codes(torch.tensor(drawn), 16).tolist()
    commonest = max(sorted(set(drawn)), key=drawn.count)
    assert filled == drawn + [commonest] * (16 - len(drawn))


@pytest.mark.parametrize("num_drawn", [0, 17])
def test_a_preview_of_no_codes_or_too_many_is_refused(num_drawn: int) -> None:
    with pytest.raises(ValueError, match=f"needs 1 to 16 codes, not {num_drawn}"):
        fill_codes(torch.zeros(num_drawn, dtype=torch.int64), 16)


@pytest.mark.parametrize(("num_drawn", "num_rows"), [(1, 4), (8, 4), (9, 5), (32, 7)])
def test_a_preview_paints_what_is_drawn_and_repeats_a_line_below(
    vqgan: VQGAN, num_drawn: int, num_rows: int
) -> None:
    codes = torch.randint(64, (num_drawn,), generator=torch.Generator().manual_seed(1))
    pixels = decode_preview(vqgan, codes, 64)
    grid = fill_codes(codes, 64).view(8, 8)
    edge = 4 * (num_rows - 1)
    assert pixels.shape == (32, 32, 3)
    np.testing.assert_array_equal(pixels[:edge], decode_picture(vqgan, grid[:num_rows])[:edge])
    assert (pixels[edge:] == pixels[edge - 1]).all()


@pytest.mark.parametrize("num_drawn", [33, 40, 64])
def test_a_preview_that_reaches_the_last_rows_is_painted_whole(
    vqgan: VQGAN, num_drawn: int
) -> None:
    codes = torch.randint(64, (num_drawn,), generator=torch.Generator().manual_seed(1))
    whole = decode_picture(vqgan, fill_codes(codes, 64))
    np.testing.assert_array_equal(decode_preview(vqgan, codes, 64), whole)


def test_seamless_pictures_are_one_grid_laid_row_by_row_and_decoded_at_once(vqgan: VQGAN) -> None:
    codes = some_codes(4)
    grids = codes.view(4, 4, 4)
    square = torch.cat([torch.cat([grids[0], grids[1]], 1), torch.cat([grids[2], grids[3]], 1)])
    pixels = decode_square(vqgan, codes)
    assert pixels.shape == (32, 32, 3)
    np.testing.assert_array_equal(pixels, decode_picture(vqgan, square))


def test_a_seamless_picture_depends_on_its_neighbours(vqgan: VQGAN) -> None:
    codes = some_codes(4)
    alone = decode_picture(vqgan, codes[0])
    assert not np.array_equal(decode_square(vqgan, codes)[:16, :16], alone)
    np.testing.assert_array_equal(decode_square(vqgan, codes[:1]), alone)


def test_seamless_pictures_must_fill_a_square(vqgan: VQGAN) -> None:
    with pytest.raises(ValueError, match="8 do not"):
        decode_square(vqgan, some_codes(8))
