"""Draw nine pictures of a prompt: python draw_nine.py "a red apple" pocket pictures."""

import sys
from pathlib import Path

from ninefold import TextToImage
from ninefold.pictures.png import write_png


def draw_nine(prompt: str = "a red apple", model: str = "pocket", folder: str = "pictures") -> None:
    """Draw `prompt` with `model` and save the pictures in `folder`, the best as 1.png."""
    drawing = TextToImage.load(model).draw(prompt)
    for notice in drawing.notices:
        sys.stderr.write(f"{notice}\n")
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    for place, picture in enumerate(drawing.pictures, start=1):
        # The recipe goes into the file: `ninefold draw --like 1.png` draws the picture again.
        write_png(out / f"{place}.png", picture.image, drawing.recipe(picture))


if __name__ == "__main__":
    draw_nine(*sys.argv[1:])
