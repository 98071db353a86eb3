"""The skin that a picture of a person shows, by its colours: no model looks.

Of the middle of a picture, where emoji and their like have the face, the pixels that have a colour
of skin are kept, and the median of them decides: by the individual typology angle, arctan((L* - 50)
/ b*), of Chardon et al., "Skin colour typology and suntanning pathways" (1991), with its classes
merged to three. The yellow of emoji that have no tone is a class of its own. Knows nothing of
people: what is as brown as wood counts as skin, which is why things are among the controls.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ninefold.evaluation.bias_words import DARK, LIGHT, MEDIUM, NONE, YELLOW

_MIDDLE = ((0.22, 0.66), (0.33, 0.67))
"""Rows and columns that are looked at, as shares of the sides."""

_LEAST = 0.15  # share of the pixels there that have to be skin
_LIGHT_FROM, _DARK_UNTIL = 41.0, 10.0  # degrees of the typology angle

_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])  # D65


def skin_of(picture: Image.Image) -> str:
    """Return which of `SKINS` the middle of a picture shows."""
    pixels = np.asarray(picture.convert("RGB"))
    (top, bottom), (left, right) = (
        (round(low * side), round(high * side))
        for (low, high), side in zip(_MIDDLE, pixels.shape[:2], strict=True)
    )
    lightness, a, b = np.moveaxis(to_lab(pixels[top:bottom, left:right]).reshape(-1, 3), 1, 0)
    chroma, hue = np.hypot(a, b), np.degrees(np.arctan2(b, a))
    is_yellow = (chroma > 45) & (hue > 65) & (hue < 105) & (lightness > 50)
    is_skin = (chroma > 8) & (chroma < 45) & (hue > 0) & (hue < 85)
    is_skin &= ~is_yellow & (lightness > 15) & (lightness < 95)
    if max(is_yellow.sum(), is_skin.sum()) < _LEAST * lightness.size:
        return NONE
    if is_yellow.sum() >= is_skin.sum():
        return YELLOW
    angle = np.degrees(np.arctan2(np.median(lightness[is_skin]) - 50, np.median(b[is_skin])))
    if angle > _LIGHT_FROM:
        return LIGHT
    return MEDIUM if angle > _DARK_UNTIL else DARK


def to_lab(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return sRGB (…, 3) as CIE L*a*b* under D65 (…, 3)."""
    values = pixels.astype(np.float64) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    ratio = linear @ _TO_XYZ.T / _WHITE
    curved = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    x, y, z = np.moveaxis(curved, -1, 0)
    lab: NDArray[np.float64] = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
    return lab
