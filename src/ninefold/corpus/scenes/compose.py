"""Scenes as pictures: things scaled, tinted and laid on a background.

Places and sizes are multiples of two cells of the code grid, and there are three sizes, so that a
thing at half its size is the same cells wherever it stands.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ninefold.corpus.scenes.looks import LOOKS, Look
from ninefold.corpus.scenes.places import CELLS, GROUNDS, grounds_of, paint_backdrop
from ninefold.corpus.scenes.scene import Scene

RGBA = NDArray[np.uint8]
Box = tuple[int, int, int]
"""Left, top and side, in cells."""

_PAIRS: dict[str, tuple[Box, Box]] = {
    "beside": ((0, 2, 4), (4, 2, 4)),
    "fighting": ((0, 2, 4), (4, 2, 4)),
    "above": ((2, 0, 4), (2, 4, 4)),
    "below": ((2, 4, 4), (2, 0, 4)),
    "riding": ((2, 0, 4), (1, 2, 6)),
    "holding": ((0, 0, 6), (4, 4, 4)),
    "eating": ((2, 0, 6), (0, 4, 4)),
    "at": ((0, 4, 4), (2, 0, 6)),
}
_COUNTS: dict[int, tuple[Box, ...]] = {
    2: ((0, 2, 4), (4, 2, 4)),
    3: ((2, 0, 4), (0, 4, 4), (4, 4, 4)),
    4: ((0, 0, 4), (4, 0, 4), (0, 4, 4), (4, 4, 4)),
}
_HAT: Box = (2, 0, 4)
_GLASSES: Box = (2, 3, 4)
_WEARER: Box = (1, 2, 6)
SINGLE: Box = (1, 1, 6)
"""Where a thing by itself stands."""
_TINY: Box = (3, 3, 2)
SIZES = (6, 4, 2)
"""Sides, in cells, that things are drawn in: three quarters, half and a quarter of a picture."""


def compose(scene: Scene, find: Callable[[str, str], RGBA], side: int) -> NDArray[np.uint8]:
    """Return the picture of a scene, (side, side, 3).

    Args:
        scene: what to show.
        find: gives the RGBA picture of a source's thing.
        side: in pixels, a multiple of the grid's cells.
    """
    canvas = Image.fromarray(paint_backdrop(backdrop_of(scene), side))
    cell = side // CELLS
    for placed in lay_out(scene):
        left, top, extent = placed.box
        look = LOOKS[placed.looks[0]]
        thing = look.apply(find(scene.source, scene.things[placed.number]))
        scaled = resize(thing, extent * cell)
        canvas.paste(scaled, (left * cell, top * cell), scaled)
    return np.asarray(canvas)


@dataclass(frozen=True)
class Placed:
    """A thing of a scene and where it stands."""

    number: int
    """0 for the scene's first thing, 1 for its second."""
    box: Box
    looks: tuple[int, int]
    """Numbers of `LOOKS` above and below the horizon."""


def lay_out(scene: Scene) -> list[Placed]:
    """Return the things of a scene, those behind first."""
    looks = [looks_of(scene, number) for number in range(len(scene.things))]
    if scene.kind == "count":
        return [Placed(0, box, looks[0]) for box in _COUNTS[scene.count]]
    if scene.kind == "single":
        return [Placed(0, _TINY if scene.size else SINGLE, looks[0])]
    if scene.kind == "wearing":
        is_on_eyes = scene.things[1] in ("glasses", "sunglasses", "goggles")
        boxes = (_WEARER, _GLASSES if is_on_eyes else _HAT)
    else:
        boxes = _PAIRS[scene.relation]
    pair = [Placed(number, boxes[number], looks[number]) for number in range(2)]
    # A rider sits in front of what it rides, and whoever is somewhere in front of the place; what
    # is held or eaten is in front of who does it.
    return pair[::-1] if scene.relation in ("riding", "at") else pair


def backdrop_of(scene: Scene) -> str:
    """Return the place or colour behind a scene; a style may ask for one of its own."""
    if scene.place or not scene.style:
        return scene.place
    ground = Look.of_style(scene.style).ground
    return "" if ground == GROUNDS[0] else ground


def looks_of(scene: Scene, number: int) -> tuple[int, int]:
    """Return the looks of a scene's thing above and below the horizon, as numbers of `LOOKS`.

    There are none of tints and styles in places: such a thing looks as it does by itself.
    """
    if number == 0 and scene.tint:
        return (LOOKS.index(Look(tint=scene.tint)),) * 2
    if scene.style:
        return (LOOKS.index(Look.of_style(scene.style)),) * 2
    above, below = grounds_of(scene.place)
    return LOOKS.index(Look(above)), LOOKS.index(Look(below))


def resize(thing: RGBA, side: int) -> Image.Image:
    """Return a thing (H, W, 4) as an RGBA image of `side` pixels."""
    # Premultiplied alpha keeps the colour of invisible pixels out of the edges.
    picture = Image.fromarray(np.ascontiguousarray(thing), "RGBA")
    if picture.size != (side, side):
        picture = picture.convert("RGBa").resize((side, side), Image.Resampling.LANCZOS)
    return picture.convert("RGBA")
