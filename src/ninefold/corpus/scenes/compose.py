"""Scenes as pictures: things scaled, tinted and laid on a background.

Places and sizes are multiples of a cell of the code grid, so that a thing at half its size is the
same cells wherever it stands.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ninefold.corpus.scenes.looks import restyle, tint
from ninefold.corpus.scenes.places import CELLS, paint_backdrop
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
    "holding": ((0, 1, 6), (5, 4, 3)),
    "eating": ((1, 0, 6), (3, 5, 3)),
}
_COUNTS: dict[int, tuple[Box, ...]] = {
    2: ((0, 2, 4), (4, 2, 4)),
    3: ((2, 0, 4), (0, 4, 4), (4, 4, 4)),
    4: ((0, 0, 4), (4, 0, 4), (0, 4, 4), (4, 4, 4)),
}
_HAT: Box = (2, 0, 4)
_GLASSES: Box = (2, 3, 4)
_WEARER: Box = (1, 2, 6)
_WHOLE: Box = (0, 0, 8)
_STANDING: Box = (1, 1, 6)
_TINY: Box = (2, 4, 3)


def compose(scene: Scene, find: Callable[[str, str], RGBA], side: int) -> NDArray[np.uint8]:
    """Return the picture of a scene, (side, side, 3).

    Args:
        scene: what to show.
        find: gives the RGBA picture of a source's thing.
        side: in pixels, a multiple of the grid's cells.
    """
    backdrop = scene.place or ("black" if scene.style == "neon" else "white")
    canvas = Image.fromarray(paint_backdrop(backdrop, side))
    for thing, (left, top, extent) in _layout(scene, find):
        cell = side // CELLS
        scaled = _resize(thing, extent * cell)
        canvas.paste(scaled, (left * cell, top * cell), scaled)
    return np.asarray(canvas)


def _layout(scene: Scene, find: Callable[[str, str], RGBA]) -> list[tuple[RGBA, Box]]:
    """Things with their boxes, those behind first."""
    first = find(scene.source, scene.things[0])
    if scene.tint:
        first = tint(first, scene.tint)
    if scene.style:
        first = restyle(first, scene.style)
    if scene.kind == "count":
        return [(first, box) for box in _COUNTS[scene.count]]
    if scene.kind == "single":
        if scene.size:
            return [(first, _TINY)]
        return [(first, _STANDING if scene.place else _WHOLE)]
    second = find(scene.source, scene.things[1])
    if scene.kind == "wearing":
        is_on_eyes = scene.things[1] in ("glasses", "sunglasses", "goggles")
        return [(first, _WEARER), (second, _GLASSES if is_on_eyes else _HAT)]
    first_box, second_box = _PAIRS[scene.relation]
    if scene.relation == "fighting":
        second = second[:, ::-1]
    pair = [(first, first_box), (second, second_box)]
    # A rider sits in front of what it rides; what is held or eaten is in front of who does it.
    return pair[::-1] if scene.relation == "riding" else pair


def _resize(thing: RGBA, side: int) -> Image.Image:
    # Premultiplied alpha keeps the colour of invisible pixels out of the edges.
    picture = Image.fromarray(np.ascontiguousarray(thing), "RGBA")
    if picture.size != (side, side):
        picture = picture.convert("RGBa").resize((side, side), Image.Resampling.LANCZOS)
    return picture.convert("RGBA")
