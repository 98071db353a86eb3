"""SVG documents to small RGBA pictures, centred with an even margin."""

import io

import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image

OVERSAMPLING = 2
"""Pictures are rendered this many times too large, then reduced, which smooths thin lines."""


def render(svg: str, size: int, margin: float = 0.04) -> NDArray[np.uint8] | None:
    """Render an SVG document and fit what is visible into a square.

    Args:
        svg: the document.
        size: side of the result in pixels.
        margin: empty border on each side, as a share of the side.

    Returns:
        (size, size, 4) straight-alpha RGBA, or None where nothing is visible.
    """
    side = size * OVERSAMPLING
    data = resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side)
    picture = Image.open(io.BytesIO(bytes(data))).convert("RGBA")
    box = picture.getchannel("A").point(lambda alpha: 255 * (alpha > 16)).getbbox()
    if box is None:
        return None
    cropped = picture.crop(box)
    inner = round(size * (1 - 2 * margin))
    scale = inner / max(cropped.size)
    width, height = (max(1, round(extent * scale)) for extent in cropped.size)
    # Premultiplied alpha keeps the colour of invisible pixels out of the edges.
    reduced = cropped.convert("RGBa").resize((width, height), Image.Resampling.LANCZOS)
    canvas = Image.new("RGBA", (size, size), (255, 255, 255, 0))
    canvas.paste(reduced.convert("RGBA"), ((size - width) // 2, (size - height) // 2))
    return np.asarray(canvas)


def flatten(rgba: NDArray[np.uint8], background: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Lay RGBA pictures (…, H, W, 4) on a plain background; return RGB (…, H, W, 3)."""
    alpha = rgba[..., 3:].astype(np.float32) / 255
    mixed = rgba[..., :3] * alpha + np.asarray(background, np.float32) * (1 - alpha)
    return np.rint(mixed).astype(np.uint8)
