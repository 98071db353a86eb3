"""How a thing or a whole picture can be made to look: tints of things, styles of pictures."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ninefold.corpus.scenes.places import GROUNDS

RGBA = NDArray[np.uint8]

TINTS: dict[str, tuple[int, int, int]] = {
    "red": (225, 40, 45),
    "orange": (250, 140, 30),
    "yellow": (250, 210, 40),
    "green": (60, 165, 65),
    "blue": (50, 110, 220),
    "purple": (140, 70, 190),
    "pink": (250, 140, 180),
    "white": (240, 240, 240),
    "black": (50, 50, 55),
    "golden": (222, 170, 50),
}
"""Colours that a thing can be given; none is a plain colour of the backgrounds."""

STYLES: dict[str, tuple[str, ...]] = {
    "black and white": ("black and white", "a black and white photo of", "monochrome", "grayscale"),
    "silhouette": ("a silhouette of", "the silhouette of", "a shadow of", "the outline of"),
    "pixel art": ("pixel art of", "8 bit", "a pixelated", "retro game", "pixel art"),
    "sketch": ("a pencil sketch of", "a sketch of", "a line drawing of", "a pencil drawing of"),
    "neon": ("neon", "a neon sign of", "glowing neon"),
}
"""Styles, and how a prompt that asks for one begins."""


@dataclass(frozen=True)
class Look:
    """How a thing appears: by itself on a ground, tinted, or in a style."""

    ground: str = "white"
    """Of `GROUNDS`: what it stands on."""
    tint: str = ""
    style: str = ""

    @classmethod
    def of_style(cls, style: str) -> "Look":
        """Return the look of a style, which may have a ground of its own."""
        return cls("black" if style == "neon" else "white", style=style)

    def apply(self, thing: RGBA) -> RGBA:
        """Give a thing (H, W, 4) this look."""
        if self.tint:
            thing = tint(thing, self.tint)
        return restyle(thing, self.style) if self.style else thing


LOOKS: tuple[Look, ...] = (
    *(Look(ground) for ground in GROUNDS),
    *(Look(tint=name) for name in TINTS),
    *(Look.of_style(name) for name in STYLES),
)
"""Looks that things have sketches in (`training.sketches`), those by themselves first."""


def tint(thing: RGBA, colour: str) -> RGBA:
    """Give a thing (H, W, 4) one colour; light and dark parts stay lighter and darker."""
    grey = thing[..., :3].astype(np.float32) @ np.asarray([0.299, 0.587, 0.114], np.float32)
    visible = thing[..., 3] > 128
    middle = float(grey[visible].mean()) if visible.any() else 128.0
    light = grey / max(middle, 40.0)
    wanted = np.asarray(TINTS[colour], np.float32)
    shaded = np.where(
        light[..., None] <= 1,
        wanted * light[..., None],
        255 - (255 - wanted) * np.clip(2 - light[..., None], 0.25, 1),
    )
    return np.concatenate([np.clip(shaded, 0, 255).astype(np.uint8), thing[..., 3:]], -1)


def restyle(thing: RGBA, style: str) -> RGBA:
    """Draw a thing (H, W, 4) in a style of `STYLES`.

    Raises:
        KeyError: there is no such style.
    """
    return _STYLES[style](thing)


def _black_and_white(thing: RGBA) -> RGBA:
    grey = np.asarray(Image.fromarray(np.ascontiguousarray(thing[..., :3])).convert("L"))
    return np.concatenate([np.repeat(grey[..., None], 3, -1), thing[..., 3:]], -1)


def _silhouette(thing: RGBA) -> RGBA:
    colour = np.full_like(thing[..., :3], 25)
    return np.concatenate([colour, thing[..., 3:]], -1)


def _pixels(thing: RGBA) -> RGBA:
    block = max(1, len(thing) // 16)
    rows, columns = len(thing) // block, thing.shape[1] // block
    blocks = thing[: rows * block, : columns * block].reshape(rows, block, columns, block, 4)
    alpha = blocks[..., 3:].astype(np.float32)
    weight = alpha.sum((1, 3))
    colour = (blocks[..., :3] * alpha).sum((1, 3)) / np.maximum(weight, 1)
    opaque = 255.0 * (weight / block**2 > 110)
    small = np.concatenate([colour, opaque], -1).astype(np.uint8)
    return np.repeat(np.repeat(small, block, 0), block, 1)


def _sketch(thing: RGBA) -> RGBA:
    on_white = Image.new("RGBA", thing.shape[1::-1], (255, 255, 255, 255))
    on_white.alpha_composite(Image.fromarray(np.ascontiguousarray(thing)))
    grey = on_white.convert("L").filter(ImageFilter.GaussianBlur(1))
    values = np.asarray(grey, np.float32)
    down, across = np.gradient(values)
    strength = np.clip(np.hypot(down, across) * 12, 0, 255).astype(np.uint8)
    line = np.asarray(Image.fromarray(strength).filter(ImageFilter.MaxFilter(3)))
    ink = np.full_like(thing[..., :3], 60)
    return np.concatenate([ink, line[..., None]], -1)


def _neon(thing: RGBA) -> RGBA:
    ink = Image.fromarray(_sketch(thing)[..., 3])
    tube = ink.filter(ImageFilter.MaxFilter(max(3, len(thing) // 48 | 1)))
    glow = tube.filter(ImageFilter.GaussianBlur(len(thing) / 64))
    light = np.maximum(np.asarray(tube), np.asarray(glow))
    shine = _saturate(thing[..., :3])
    return np.concatenate([shine, light[..., None]], -1)


def _saturate(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Make colours (H, W, 3) as bright as they can be; what has none becomes white."""
    values = colours.astype(np.float32)
    least = values.min(-1, keepdims=True)
    clear = (values - 0.7 * least) / np.maximum(values.max(-1, keepdims=True) - 0.7 * least, 1)
    shine: NDArray[np.uint8] = np.clip(60 + 195 * clear, 0, 255).astype(np.uint8)
    return shine


_STYLES: dict[str, Callable[[RGBA], RGBA]] = {
    "black and white": _black_and_white,
    "silhouette": _silhouette,
    "pixel art": _pixels,
    "sketch": _sketch,
    "neon": _neon,
}
