"""The pictures of a report: what was drawn, marked where its caption was told, and what is real."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from ninefold.evaluation.contact_sheet import contact_sheet
from ninefold.evaluation.measure import DrawnSplit, JudgedSplit
from ninefold.pictures.grid import PAPER

ROWS = 8
"""Prompts of a split that its sheet shows: the first ones, which are chosen by the seed alone."""
SIDE = 72
COLOURS = 128
"""A sheet is saved with so many colours, so that a page of sheets stays small."""
FOUND, MISSED = (46, 125, 50), (198, 40, 40)


def split_sheet(drawn: DrawnSplit, judged: JudgedSplit) -> Image.Image:
    """Show the first prompts of a split, each with its pictures and a real one at the right.

    A green line below a picture says that the evaluator told its caption among the hundred, a red
    one that it did not.
    """
    rows = []
    for case, images, found in list(
        zip(drawn.split.cases, drawn.pictures, judged.found, strict=True)
    )[:ROWS]:
        marked = [
            _mark(image, FOUND if hit else MISSED) for image, hit in zip(images, found, strict=True)
        ]
        rows.append((case.caption, [*marked, _mark((case.real or case.crowd)[0], PAPER)]))
    return _few_colours(contact_sheet(rows, SIDE))


def reconstruction_sheet(
    originals: Sequence[Image.Image], restored: Sequence[Image.Image], count: int = 24
) -> Image.Image:
    """Show pictures, each above what the VQGAN makes of it; twelve to a row."""
    step = max(1, len(originals) // count)
    return _pairs(list(zip(originals, restored, strict=True))[::step][:count])


def copies_sheet(pairs: Sequence[tuple[Image.Image, Image.Image]]) -> Image.Image:
    """Show drawings, each above the training picture that is nearest to it."""
    return _pairs(pairs)


def _pairs(pairs: Sequence[tuple[Image.Image, Image.Image]], columns: int = 12) -> Image.Image:
    gap = SIDE // 12
    num_rows = -(-len(pairs) // columns)
    width = min(len(pairs), columns) * (SIDE + gap) + gap
    page = Image.new("RGB", (width, num_rows * (2 * SIDE + 2 * gap) + gap), PAPER)
    for number, pair in enumerate(pairs):
        row, column = divmod(number, columns)
        for place, image in enumerate(pair):
            scaled = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
            top = gap + row * (2 * SIDE + 2 * gap) + place * (SIDE + gap // 2)
            page.paste(scaled, (gap + column * (SIDE + gap), top))
    return _few_colours(page)


def _mark(image: Image.Image, colour: tuple[int, int, int]) -> Image.Image:
    """Draw a line below a picture, inside its square."""
    marked = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    thickness = max(2, SIDE // 24)
    ImageDraw.Draw(marked).rectangle((0, SIDE - thickness, SIDE, SIDE), fill=colour)
    return marked


def _few_colours(page: Image.Image) -> Image.Image:
    return page.quantize(COLOURS, dither=Image.Dither.NONE)
