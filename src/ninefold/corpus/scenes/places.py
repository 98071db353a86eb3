"""Backgrounds: plain colours, and places built of two grounds and simple shapes on the code grid.

A place is one colour above the horizon and one below it, so that a thing in it stands on known
colours (`looks.LOOKS`). Shapes are in the first two rows and in the outer columns, where things
hardly ever stand. All ends at multiples of an eighth of the side: most cells of the code grid hold
one colour of `PALETTE` and nothing else, and such cells have a code of their own
(`training.cells`).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
CELLS = 8
"""Cells along the side that bands and shapes are aligned to."""

BACKDROPS: dict[str, Colour] = {
    "white": (255, 255, 255),
    "black": (20, 20, 20),
    "red": (222, 62, 62),
    "orange": (245, 150, 50),
    "yellow": (250, 215, 70),
    "green": (95, 180, 90),
    "blue": (70, 130, 220),
    "purple": (150, 95, 195),
    "pink": (250, 170, 195),
    "grey": (150, 150, 150),
}
"""Colours that a prompt may ask for as a background."""

_BANDS: dict[str, Colour] = {
    "sky": (160, 212, 245),
    "haze": (250, 226, 178),
    "grass": (126, 196, 92),
    "pine": (52, 110, 72),
    "sand": (236, 200, 130),
    "sea": (42, 112, 190),
    "water": (60, 160, 200),
    "cloudy": (172, 186, 202),
    "snow": (238, 243, 250),
    "night": (24, 28, 72),
    "dark": (30, 52, 50),
    "dusk": (247, 158, 92),
    "shadow": (88, 56, 76),
    "space": (10, 10, 28),
    "road": (98, 98, 104),
    "house": (186, 140, 116),
    "tower": (128, 140, 160),
    "wall": (244, 228, 204),
    "floor": (170, 122, 84),
    "light": (255, 240, 150),
}

PALETTE: tuple[Colour, ...] = (*BACKDROPS.values(), *_BANDS.values())
"""Every colour that fills whole cells; white is first."""

PLACES: dict[str, tuple[str, ...]] = {
    "sky": ("in the sky", "in the clouds", "flying through the sky", "flying"),
    "meadow": ("in a meadow", "on the grass", "in a field", "in the park", "in the garden"),
    "desert": ("in the desert", "in the sand", "in the sahara"),
    "beach": ("on the beach", "at the beach", "on a beach"),
    "sea": ("at sea", "in the sea", "on the ocean", "on the water", "in the ocean"),
    "underwater": ("underwater", "under water", "under the sea", "at the bottom of the sea"),
    "snow": ("in the snow", "in winter", "in a snowstorm", "in antarctica"),
    "night": ("at night", "under the moon", "at midnight", "in the moonlight", "in the dark"),
    "sunset": ("at sunset", "in the sunset", "at dusk", "in the evening"),
    "space": ("in space", "in outer space", "among the stars", "in the universe"),
    "moon": ("on the moon", "on the surface of the moon", "on another planet"),
    "city": ("in the city", "in a street", "in new york", "downtown", "in town", "on the road"),
    "forest": ("in the forest", "in the woods", "in a jungle", "among trees"),
    "mountains": ("in the mountains", "on a mountain top", "in the alps", "in the hills"),
    "stage": ("on a stage", "on stage", "in a theater", "at a concert"),
    "rain": ("in the rain", "in a storm", "in bad weather", "on a rainy day"),
    "room": ("in a room", "at home", "in the house", "in a shop", "in the kitchen", "indoors"),
}
"""Places, and how people say them; captions of the training say the first."""


HORIZON = 5
"""Row of cells where the lower ground of a place begins."""

PLACE_GROUNDS: dict[str, tuple[str, str]] = {
    "sky": ("sky", "sky"),
    "meadow": ("sky", "green"),
    "desert": ("sky", "sand"),
    "beach": ("blue", "sand"),
    "sea": ("sky", "blue"),
    "underwater": ("water", "sand"),
    "snow": ("cloudy", "snow"),
    "night": ("night", "shadow"),
    "sunset": ("orange", "shadow"),
    "space": ("space", "space"),
    "moon": ("space", "grey"),
    "city": ("sky", "road"),
    "forest": ("pine", "green"),
    "mountains": ("cloudy", "green"),
    "stage": ("red", "floor"),
    "rain": ("cloudy", "road"),
    "room": ("wall", "floor"),
}
"""Colours of each place above and below the horizon, of `BACKDROPS` or `_BANDS`."""

GROUNDS: tuple[str, ...] = tuple(
    dict.fromkeys((*BACKDROPS, *(name for pair in PLACE_GROUNDS.values() for name in pair)))
)
"""Colours that things stand on; white is first."""


def grounds_of(place: str) -> tuple[str, str]:
    """Return the colours above and below the horizon of a place, a colour, or "" for white."""
    return PLACE_GROUNDS.get(place, (place or "white",) * 2)


def colour_of(ground: str) -> Colour:
    """Return the red, green and blue of one of `GROUNDS`.

    Raises:
        KeyError: it is none of them.
    """
    return BACKDROPS[ground] if ground in BACKDROPS else _BANDS[ground]


def paint_backdrop(name: str, side: int) -> Picture:
    """Return the (side, side, 3) background called `name`, a place or a colour.

    Raises:
        KeyError: there is none of that name.
    """
    above, below = grounds_of(name)
    canvas = np.empty((side, side, 3), np.uint8)
    horizon = HORIZON * side // CELLS
    canvas[:horizon] = colour_of(above)
    canvas[horizon:] = colour_of(below)
    if name in _PAINTERS:
        _PAINTERS[name](canvas)
    return canvas


def _fill(canvas: Picture, band: str, top: int, bottom: int, left: int = 0, right: int = 8) -> None:
    cell = len(canvas) // CELLS
    canvas[top * cell : bottom * cell, left * cell : right * cell] = colour_of(band)


def _disc(canvas: Picture, colour: Colour, x: float, y: float, radius: float) -> None:
    """`x`, `y` and `radius` in cells."""
    cell = len(canvas) / CELLS
    rows, columns = np.ogrid[: len(canvas), : len(canvas)]
    distance = np.hypot(columns + 0.5 - x * cell, rows + 0.5 - y * cell)
    cover = np.clip(radius * cell - distance + 0.5, 0, 1)[..., None]
    canvas[:] = np.rint(canvas * (1 - cover) + np.asarray(colour) * cover)


def _dots(canvas: Picture, colour: Colour, places: str, radius: float = 0.1) -> None:
    """Dots in the middle of cells, given as pairs of digits: column, row."""
    for place in places.split():
        _disc(canvas, colour, int(place[0]) + 0.5, int(place[1]) + 0.5, radius)


def _sky(canvas: Picture) -> None:
    for x, y in ((1.2, 1.0), (2.0, 0.8), (6.2, 7.2), (7.0, 7.4)):
        _disc(canvas, WHITE, x, y, 0.6)


def _meadow(canvas: Picture) -> None:
    _disc(canvas, _BANDS["light"], 7, 1, 0.8)
    _disc(canvas, WHITE, 1.0, 1.0, 0.5)
    _disc(canvas, WHITE, 1.7, 0.9, 0.6)
    _dots(canvas, BACKDROPS["pink"], "07 77", 0.2)
    _dots(canvas, BACKDROPS["yellow"], "05 75", 0.2)


def _desert(canvas: Picture) -> None:
    _disc(canvas, BACKDROPS["orange"], 7, 1, 0.8)
    _disc(canvas, _BANDS["haze"], 0, 5, 1.0)
    _fill(canvas, "sand", 5, 7, 0, 1)


def _beach(canvas: Picture) -> None:
    _fill(canvas, "sky", 0, 1)
    _disc(canvas, _BANDS["light"], 7, 1, 0.8)
    _dots(canvas, BACKDROPS["orange"], "07", 0.3)


def _sea(canvas: Picture) -> None:
    _disc(canvas, _BANDS["light"], 7, 1, 0.8)
    _dots(canvas, WHITE, "05 76", 0.2)


def _underwater(canvas: Picture) -> None:
    _dots(canvas, _BANDS["sky"], "00 02 70 73", 0.25)
    _fill(canvas, "pine", 3, 6, 7, 8)


def _snow(canvas: Picture) -> None:
    _dots(canvas, WHITE, "00 20 11 60 71 03 73 40 51", 0.15)


def _night(canvas: Picture) -> None:
    _dots(canvas, WHITE, "00 11 30 03 73 50")
    _disc(canvas, _BANDS["light"], 7, 1, 0.8)


def _sunset(canvas: Picture) -> None:
    _disc(canvas, _BANDS["light"], 7, 1, 0.8)
    _dots(canvas, _BANDS["haze"], "00 10", 0.3)


def _space(canvas: Picture) -> None:
    _dots(canvas, WHITE, "00 21 40 70 03 72 05 77")


def _moon(canvas: Picture) -> None:
    _dots(canvas, WHITE, "00 21 40 03 73")
    _disc(canvas, BACKDROPS["blue"], 7, 1, 0.7)
    _dots(canvas, _BANDS["road"], "07 76", 0.3)


def _city(canvas: Picture) -> None:
    for band, top, left in (("tower", 1, 0), ("house", 2, 7)):
        _fill(canvas, band, top, 5, left, left + 1)
        for row in range(top, 5, 2):
            _dots(canvas, _BANDS["light"], f"{left}{row}", 0.25)
    _fill(canvas, "tower", 0, 2, 5, 6)
    _dots(canvas, WHITE, "17 37 57", 0.15)


def _forest(canvas: Picture) -> None:
    _fill(canvas, "sky", 0, 1)
    for left in (0, 7):
        _fill(canvas, "floor", 3, 6, left, left + 1)
        _fill(canvas, "green", 1, 3, left, left + 1)


def _mountains(canvas: Picture) -> None:
    _fill(canvas, "snow", 0, 1)
    for left, top in ((0, 2), (7, 3)):
        _fill(canvas, "tower", top, 5, left, left + 1)
        _fill(canvas, "snow", top - 1, top, left, left + 1)


def _stage(canvas: Picture) -> None:
    _fill(canvas, "light", 0, 1)
    for left in (0, 7):
        _fill(canvas, "purple", 0, 5, left, left + 1)


def _rain(canvas: Picture) -> None:
    _dots(canvas, BACKDROPS["blue"], "00 20 40 60 11 71 02 73 05 31 51", 0.15)


def _room(canvas: Picture) -> None:
    _fill(canvas, "sky", 1, 2, 0, 1)
    _fill(canvas, "house", 2, 5, 7, 8)


_PAINTERS: dict[str, Callable[[Picture], None]] = {
    "sky": _sky, "meadow": _meadow, "desert": _desert, "beach": _beach, "sea": _sea,
    "underwater": _underwater, "snow": _snow, "night": _night, "sunset": _sunset,
    "space": _space, "moon": _moon, "city": _city, "forest": _forest, "mountains": _mountains,
    "stage": _stage, "rain": _rain, "room": _room,
}  # fmt: skip
