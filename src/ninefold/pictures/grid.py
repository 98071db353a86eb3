"""Pictures in rows with their prompt below: what a person shows to others.

Knows nothing of where pictures come from or how files are written.
"""

from collections.abc import Sequence

from PIL import Image

from ninefold.pictures.caption_layout import Colour, lay_out

PAPER: Colour = (255, 255, 255)
INK: Colour = (32, 33, 36)
FAINT_INK: Colour = (154, 160, 166)

WORDMARK = "ninefold"

_MAX_LINES = 4


def grid(images: Sequence[Image.Image], caption: str, columns: int = 3) -> Image.Image:
    """Set pictures in rows, the first at the upper left, with the caption below them.

    Measures follow the pictures' size: margins are an eighth of a side, gaps a thirty-second.

    Args:
        images: at least one, all of one size. A last row that is not full starts at the left.
        caption: any text; what does not fit four lines ends in an ellipsis.
        columns: pictures in a row; fewer where there are fewer pictures.

    Returns:
        An RGB picture.

    Raises:
        ValueError: there are no pictures, they differ in size, or `columns` is below 1.
    """
    if not images or columns < 1:
        raise ValueError("A grid has at least one picture and one column.")
    if len({image.size for image in images}) > 1:
        raise ValueError("The pictures of a grid must be of one size.")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    width, height = images[0].size
    side = max(width, height)
    gap, margin = max(side // 32, 4), max(side // 8, 12)
    inner = columns * (width + gap) - gap
    text = lay_out(caption, inner, max(side // 11, 14), _MAX_LINES)
    mark = lay_out(WORDMARK, inner, max(side // 18, 10), max_lines=1)

    below = margin + rows * (height + gap) - gap + margin * 2 // 3
    foot = below + text.height + (mark.height // 2 if text.lines else 0)
    page = Image.new("RGB", (inner + 2 * margin, foot + mark.height + margin * 2 // 3), PAPER)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        place = (margin + column * (width + gap), margin + row * (height + gap))
        page.paste(image.convert("RGB"), place)
    if text.lines:
        page.paste(text.draw(inner, INK, PAPER), (margin, below))
    page.paste(mark.draw(inner, FAINT_INK, PAPER), (margin, foot))
    return page
