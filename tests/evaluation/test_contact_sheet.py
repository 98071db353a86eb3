"""Laws of the contact sheet: a row a prompt, pictures brought to one size, in order."""

import pytest
from PIL import Image, ImageChops

from ninefold.evaluation.contact_sheet import contact_sheet
from ninefold.pictures.grid import PAPER

SIZE = 32
STEP = SIZE + SIZE // 16
LEFT, TOP = SIZE // 4 + SIZE * 3 // 2 + SIZE // 8, SIZE // 4


def picture(shade: int, side: int = SIZE) -> Image.Image:
    return Image.new("RGB", (side, side), (shade, 0, 0))


def middle_of(page: Image.Image, row: int, column: int) -> object:
    return page.getpixel((LEFT + column * STEP + SIZE // 2, TOP + row * STEP + SIZE // 2))


def test_each_prompt_has_a_row_of_its_pictures_in_order() -> None:
    rows = [("a cat", [picture(10), picture(20)]), ("", [picture(30)])]
    page = contact_sheet(rows, SIZE)
    assert middle_of(page, 0, 0) == (10, 0, 0)
    assert middle_of(page, 0, 1) == (20, 0, 0)
    assert middle_of(page, 1, 0) == (30, 0, 0)
    assert middle_of(page, 1, 1) == PAPER


def test_the_caption_stands_beside_its_row() -> None:
    rows = [("a cat", [picture(10)]), ("", [picture(30)])]
    page = contact_sheet(rows, SIZE)
    first, second = (
        page.crop((0, TOP + row * STEP, LEFT, TOP + row * STEP + SIZE)) for row in (0, 1)
    )
    assert ImageChops.invert(first).getbbox() is not None
    assert ImageChops.invert(second).getbbox() is None


def test_pictures_of_other_sizes_are_brought_to_one() -> None:
    page = contact_sheet([("x", [picture(10, 64), picture(20, 8)])], SIZE)
    assert middle_of(page, 0, 0) == (10, 0, 0)
    assert middle_of(page, 0, 1) == (20, 0, 0)


def test_a_long_caption_stays_in_its_row() -> None:
    rows = [("word " * 1000, [picture(10)]), ("", [picture(30)])]
    page = contact_sheet(rows, SIZE)
    gap = page.crop((0, TOP + SIZE, LEFT, TOP + STEP + SIZE))
    assert ImageChops.invert(gap).getbbox() is None


@pytest.mark.parametrize(("rows", "size"), [([], 32), ([("x", [picture(1)])], 15)])
def test_a_sheet_of_nothing_is_refused(
    rows: list[tuple[str, list[Image.Image]]], size: int
) -> None:
    with pytest.raises(ValueError, match="at least one row"):
        contact_sheet(rows, size)
