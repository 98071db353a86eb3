"""Backgrounds: plain colours, and places built of bands and simple shapes on the grid of codes.

Bands and shapes end at multiples of an eighth of the side, so that most cells of the code grid hold
one colour of `PALETTE` and nothing else; such cells have a code of their own (`training.cells`).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

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
    "sea": ("in the sea", "on the ocean", "at sea", "on the water", "in the ocean"),
    "underwater": ("under water", "underwater", "under the sea", "at the bottom of the sea"),
    "snow": ("in the snow", "in winter", "in a snowstorm", "in antarctica"),
    "night": ("at night", "under the moon", "at midnight", "in the moonlight", "in the dark"),
    "sunset": ("at sunset", "in the sunset", "at dusk", "in the evening"),
    "space": ("in space", "in outer space", "among the stars", "in the universe"),
    "city": ("in the city", "in a street", "in new york", "downtown", "in town", "on the road"),
    "forest": ("in the forest", "in the woods", "in a jungle", "among trees"),
    "rain": ("in the rain", "in a storm", "in bad weather", "on a rainy day"),
    "room": ("in a room", "at home", "in the house", "in a shop", "in the kitchen", "indoors"),
}
"""Places, and how people say them."""


def paint_backdrop(name: str, side: int) -> Picture:
    """Return the (side, side, 3) background called `name`, a place or a colour.

    Raises:
        KeyError: there is none of that name.
    """
    canvas = np.empty((side, side, 3), np.uint8)
    canvas[:] = BACKDROPS["white"]
    if name in BACKDROPS:
        canvas[:] = BACKDROPS[name]
    elif name:
        _PAINTERS[name](canvas)
    return canvas


def _fill(canvas: Picture, band: str, top: int, bottom: int, left: int = 0, right: int = 8) -> None:
    cell = len(canvas) // CELLS
    canvas[top * cell : bottom * cell, left * cell : right * cell] = _BANDS[band]


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
    _fill(canvas, "sky", 0, 8)
    for x, y in ((1.2, 1.0), (2.0, 0.8), (6.2, 6.8), (7.0, 7.0)):
        _disc(canvas, (255, 255, 255), x, y, 0.6)


def _meadow(canvas: Picture) -> None:
    _fill(canvas, "sky", 0, 5)
    _fill(canvas, "grass", 5, 8)


def _desert(canvas: Picture) -> None:
    _fill(canvas, "haze", 0, 5)
    _fill(canvas, "sand", 5, 8)
    _disc(canvas, BACKDROPS["orange"], 7, 1, 0.8)


def _beach(canvas: Picture) -> None:
    _fill(canvas, "sky", 0, 4)
    _fill(canvas, "sea", 4, 6)
    _fill(canvas, "sand", 6, 8)


def _sea(canvas: Picture) -> None:
    _fill(canvas, "sky", 0, 5)
    _fill(canvas, "sea", 5, 8)


def _underwater(canvas: Picture) -> None:
    _fill(canvas, "water", 0, 7)
    _fill(canvas, "sand", 7, 8)
    _dots(canvas, _BANDS["sky"], "01 12 70 62", 0.25)


def _snow(canvas: Picture) -> None:
    _fill(canvas, "cloudy", 0, 5)
    _fill(canvas, "snow", 5, 8)
    _dots(canvas, (255, 255, 255), "00 20 11 60 71 03 73 40", 0.15)


def _night(canvas: Picture) -> None:
    _fill(canvas, "night", 0, 6)
    _fill(canvas, "dark", 6, 8)
    _dots(canvas, (255, 255, 255), "00 11 30 03 73 50")
    _disc(canvas, _BANDS["light"], 7, 1, 0.8)


def _sunset(canvas: Picture) -> None:
    _fill(canvas, "dusk", 0, 5)
    _fill(canvas, "shadow", 5, 8)
    _disc(canvas, _BANDS["light"], 7, 1, 0.8)


def _space(canvas: Picture) -> None:
    _fill(canvas, "space", 0, 8)
    _dots(canvas, (255, 255, 255), "00 21 40 70 63 04 16 37 57 75")


def _city(canvas: Picture) -> None:
    _fill(canvas, "sky", 0, 7)
    _fill(canvas, "road", 7, 8)
    for band, top, left in (("tower", 1, 0), ("house", 3, 1), ("house", 2, 6), ("tower", 0, 7)):
        _fill(canvas, band, top, 7, left, left + 1)
        for row in range(top, 7, 2):
            _dots(canvas, _BANDS["light"], f"{left}{row}", 0.25)


def _forest(canvas: Picture) -> None:
    _fill(canvas, "sky", 0, 6)
    _fill(canvas, "grass", 6, 8)
    for left, top in ((0, 1), (2, 0), (6, 0), (7, 2)):
        _fill(canvas, "pine", top, 6, left, left + 1)
        _fill(canvas, "floor", 6, 7, left, left + 1)


def _rain(canvas: Picture) -> None:
    _fill(canvas, "cloudy", 0, 6)
    _fill(canvas, "road", 6, 8)
    _dots(canvas, _BANDS["sea"], "00 20 40 60 11 71 02 73 05", 0.15)


def _room(canvas: Picture) -> None:
    _fill(canvas, "wall", 0, 6)
    _fill(canvas, "floor", 6, 8)
    _fill(canvas, "sky", 1, 2, 0, 1)
    _fill(canvas, "house", 2, 3, 7, 8)


_PAINTERS: dict[str, Callable[[Picture], None]] = {
    "sky": _sky, "meadow": _meadow, "desert": _desert, "beach": _beach, "sea": _sea,
    "underwater": _underwater, "snow": _snow, "night": _night, "sunset": _sunset,
    "space": _space, "city": _city, "forest": _forest, "rain": _rain, "room": _room,
}  # fmt: skip
