"""Draw the contact sheets of docs/pictures with the packaged model: `make pictures`.

Every prompt is drawn with seed 1 and the model's own preset; nothing is picked by hand.
"""

import dataclasses
import time
from pathlib import Path

from ninefold import TextToImage
from ninefold.evaluation.contact_sheet import contact_sheet
from ninefold.generation.params import get_preset

FAMOUS = (
    "Thanos is looking for his mother at Walmart",
    "drunk shirtless guys wandering around Mordor",
    "CCTV footage of Darth Vader breakdancing",
    "a hamster Godzilla in a sombrero attacking Tokyo",
)
SIMPLE = ("a red apple", "an octopus", "a robot", "a castle", "pizza")
MORE = (
    "a cat", "a frog", "a rocket", "a tree", "a house", "a fish", "a car", "a flower",
    "a guitar", "a snowman", "an umbrella", "a crown",
)  # fmt: skip
FOLDER = Path(__file__).parent.parent / "docs" / "pictures"


def draw_sheet(painter: TextToImage, prompts: tuple[str, ...], path: Path) -> None:
    """Draw nine pictures of each prompt and save them as one contact sheet."""
    params = dataclasses.replace(get_preset(painter.config.preset).params, seed=1)
    rows = []
    for prompt in prompts:
        started = time.perf_counter()
        drawing = painter.draw(prompt, params)
        rows.append((prompt, [picture.image for picture in drawing.pictures]))
        print(f"{prompt}: {time.perf_counter() - started:.1f} s", flush=True)
    contact_sheet(rows, picture_size=96).save(path, optimize=True)


def main() -> None:
    """Draw all sheets."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    painter = TextToImage.load("pocket")
    draw_sheet(painter, FAMOUS + SIMPLE, FOLDER / "pocket.png")
    draw_sheet(painter, MORE, FOLDER / "pocket-more.png")


if __name__ == "__main__":
    main()
