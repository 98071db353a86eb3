"""Laws of the grid: pictures keep their pixels and order, the caption stays below."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from ninefold.pictures.grid import PAPER, grid

SIDE = 32
GAP, MARGIN = 4, 12


def pictures(count: int, size: tuple[int, int] = (SIDE, SIDE)) -> list[Image.Image]:
    return [Image.new("RGB", size, (20 * index, 100, 0)) for index in range(count)]


def cell(page: Image.Image, row: int, column: int) -> Image.Image:
    left, top = MARGIN + column * (SIDE + GAP), MARGIN + row * (SIDE + GAP)
    return page.crop((left, top, left + SIDE, top + SIDE))


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 12), columns=st.integers(1, 5), caption=st.text(max_size=60))
def test_every_picture_is_in_its_place_untouched(count: int, columns: int, caption: str) -> None:
    images = pictures(count)
    page = grid(images, caption, columns)
    assert page.mode == "RGB"
    for index, image in enumerate(images):
        shown = cell(page, *divmod(index, min(columns, count)))
        assert ImageChops.difference(shown, image).getbbox() is None


def test_nine_pictures_make_three_rows_of_three() -> None:
    page = grid(pictures(9), "a cat")
    assert page.width == 3 * SIDE + 2 * GAP + 2 * MARGIN
    below = page.crop((0, MARGIN + 3 * (SIDE + GAP) - GAP, page.width, page.height))
    assert below.getextrema()[0] != (255, 255)


def test_an_unfilled_row_starts_at_the_left() -> None:
    page = grid(pictures(4), "")
    assert cell(page, 1, 0).getpixel((5, 5)) == (60, 100, 0)
    assert cell(page, 1, 1).getpixel((5, 5)) == PAPER


def test_fewer_pictures_than_columns_leave_no_empty_column() -> None:
    assert grid(pictures(2), "two").width == 2 * SIDE + GAP + 2 * MARGIN


def test_a_longer_caption_makes_a_taller_page_up_to_four_lines() -> None:
    heights = [grid(pictures(9), "word " * count).height for count in (0, 1, 3, 500, 50_000)]
    assert heights == sorted(heights)
    assert len(set(heights)) == 4
    assert heights[3] == heights[4]


def test_pictures_of_any_mode_and_shape_are_taken() -> None:
    page = grid([Image.new("RGBA", (40, 20), (1, 2, 3, 255)), Image.new("L", (40, 20), 9)], "x")
    assert page.getpixel((20, 20)) == (1, 2, 3)
    assert page.getpixel((70, 20)) == (9, 9, 9)


def test_the_same_pictures_and_caption_give_the_same_page() -> None:
    pages = [grid(pictures(9), "a cat").tobytes() for _ in range(2)]
    assert pages[0] == pages[1]


def test_pictures_of_different_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="of one size"):
        grid([*pictures(1), *pictures(1, (SIDE, SIDE + 1))], "")


@pytest.mark.parametrize(("count", "columns"), [(0, 3), (9, 0)])
def test_a_grid_of_nothing_is_refused(count: int, columns: int) -> None:
    with pytest.raises(ValueError, match="at least one picture and one column"):
        grid(pictures(count), "", columns)
