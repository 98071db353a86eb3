"""Draws docs/pictures/corpus.png: some of every kind of picture that pocket learns from.

    python scripts/draw_corpus_sheet.py runs/corpus

The first scenes of each kind of the series that DalleBart learns; nothing is picked by hand.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from ninefold.corpus.scenes.grammar import RELATIONS
from ninefold.corpus.scenes.scene import Scene
from ninefold.evaluation.contact_sheet import contact_sheet
from ninefold.training.encoded import SCENE_SEED
from ninefold.training.pictures import PictureSet
from ninefold.training.recipes.vqgan import SOURCES

A_ROW = 9
PICTURE_SIZE = 64
COLOURS = 256
SHEET = Path(__file__).parent.parent / "docs" / "pictures" / "corpus.png"

Rows = list[tuple[str, list[Image.Image]]]

KINDS: dict[str, Callable[[Scene], bool]] = {
    "places": lambda scene: scene.kind == "single" and bool(scene.place) and not scene.tint,
    "colours": lambda scene: bool(scene.tint),
    "styles": lambda scene: bool(scene.style),
    "tiny": lambda scene: bool(scene.size),
    "counts": lambda scene: scene.kind == "count",
    "wearing": lambda scene: scene.kind == "wearing",
    **{
        relation: lambda scene, relation=relation: scene.relation == relation  # type: ignore[misc]
        for relation in RELATIONS
    },
}


def things(pictures: PictureSet) -> Iterator[tuple[str, list[Image.Image]]]:
    """Yield a row of single things for each set."""
    for source in SOURCES:
        numbers = [i for i, record in enumerate(pictures.records) if record.source == source]
        step = len(numbers) // A_ROW
        shown = [Image.fromarray(pictures.plain(i)) for i in numbers[step // 2 :: step][:A_ROW]]
        yield f"things of {source}", shown


def scenes(pictures: PictureSet) -> Iterator[tuple[str, list[Image.Image]]]:
    """Yield a row of scenes for each kind."""
    for name, is_kind in KINDS.items():
        row: list[Image.Image] = []
        number = 0
        while len(row) < A_ROW:
            if is_kind(pictures.draw_scene(SCENE_SEED, number)):
                row.append(Image.fromarray(pictures.scene(SCENE_SEED, number)[1]))
            number += 1
        yield name, row


def main() -> None:
    """Draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="what `ninefold corpus build` wrote")
    pictures = PictureSet(parser.parse_args().corpus, SOURCES)
    sheet = contact_sheet([*things(pictures), *scenes(pictures)], PICTURE_SIZE)
    sheet.quantize(COLOURS, dither=Image.Dither.NONE).save(SHEET, optimize=True)
    print(f"wrote {SHEET.name}")


if __name__ == "__main__":
    main()
