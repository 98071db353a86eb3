"""Draw the contact sheets of docs/pictures with the packaged model: `make pictures`.

Every prompt is drawn with seed 1 and the model's own preset; nothing is picked by hand.
"""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ninefold import TextToImage
from ninefold.evaluation.contact_sheet import contact_sheet
from ninefold.evaluation.showcase import FAMOUS, PLAIN, STYLED, SURREAL
from ninefold.generation.params import get_preset

FIRST = 5
"""Plain prompts that stand below the famous ones on the first sheet."""
HALF = 15
SHEETS = {
    "pocket": FAMOUS + PLAIN[:FIRST],
    "pocket-more": PLAIN[FIRST:17],
    "pocket-plain": PLAIN[17:],
    "pocket-surreal-1": SURREAL[:HALF],
    "pocket-surreal-2": SURREAL[HALF:],
    "pocket-styled": STYLED,
}
COLOURS = 192
"""A sheet is saved with so many colours, so that the repository stays small."""
FOLDER = Path(__file__).parent.parent / "docs" / "pictures"


def draw_sheet(model: TextToImage, prompts: Sequence[str], path: Path) -> None:
    """Draw nine pictures of each prompt and save them as one contact sheet."""
    params = dataclasses.replace(get_preset(model.config.preset).params, seed=1)
    rows = []
    for prompt in prompts:
        started = time.perf_counter()
        drawing = model.draw(prompt, params)
        rows.append((prompt, [picture.image for picture in drawing.pictures]))
        print(f"{prompt}: {time.perf_counter() - started:.1f} s", flush=True)
    page = contact_sheet(rows, picture_size=96 if len(rows) < HALF else 64)
    page.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Draw all sheets."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    model = TextToImage.load("pocket", backend="native-float32")
    for name, prompts in SHEETS.items():
        draw_sheet(model, prompts, FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
