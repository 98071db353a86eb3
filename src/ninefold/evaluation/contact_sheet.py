"""One page that shows what a model draws for many prompts: a row a prompt, best pictures first."""

from collections.abc import Sequence

from PIL import Image

from ninefold.pictures.caption_layout import lay_out
from ninefold.pictures.grid import INK, PAPER


def contact_sheet(
    rows: Sequence[tuple[str, Sequence[Image.Image]]], picture_size: int = 128
) -> Image.Image:
    """Set a row of pictures beside each caption.

    Args:
        rows: captions, any text, with their pictures; rows may differ in length.
        picture_size: side in pixels that every picture is brought to.

    Returns:
        An RGB picture.

    Raises:
        ValueError: there are no rows, or a size below 16.
    """
    if not rows or picture_size < 16:
        raise ValueError("A contact sheet has at least one row and pictures of 16 pixels or more.")
    gap, margin = picture_size // 16, picture_size // 4
    caption_width = picture_size * 3 // 2
    step = picture_size + gap
    longest = max(len(images) for _, images in rows)
    pictures_left = margin + caption_width + margin // 2
    size = (pictures_left + longest * step - gap + margin, 2 * margin + len(rows) * step - gap)
    page = Image.new("RGB", size, PAPER)
    letter = max(picture_size // 9, 10)
    for number, (caption, images) in enumerate(rows):
        top = margin + number * step
        text = lay_out(caption, caption_width, letter, max_lines=picture_size // (letter * 3 // 2))
        if text.lines:
            place = (margin, top + (picture_size - text.height) // 2)
            page.paste(text.draw(caption_width, INK, PAPER), place)
        for column, image in enumerate(images):
            scaled = image.convert("RGB").resize((picture_size, picture_size), Image.Resampling.BOX)
            page.paste(scaled, (pictures_left + column * step, top))
    return page
