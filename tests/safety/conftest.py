"""A signing key and pictures that look like something."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ninefold.safety.signing_key import SigningKey, load_or_make_key


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return load_or_make_key(tmp_path_factory.mktemp("keys") / "signing")


def sketch(seed: int, side: int = 256) -> Image.Image:
    """Return a picture of discs on a smooth ground with some grain, another for every seed."""
    random = np.random.default_rng(seed)
    ramp = np.linspace(0, 1, side)
    corners = random.uniform(40, 250, (2, 2, 3))
    ground = np.einsum(
        "ia,jb,abc->ijc", np.stack([1 - ramp, ramp], 1), np.stack([1 - ramp, ramp], 1), corners
    )
    ground += random.normal(0, random.uniform(0, 8), (side, side, 1))
    image = Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8))
    brush = ImageDraw.Draw(image)
    for _ in range(6):
        x, y, radius = random.uniform(0, side), random.uniform(0, side), random.uniform(8, side / 4)
        colour = tuple(int(value) for value in random.integers(0, 256, 3))
        brush.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return image


def encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    """Return the bytes of a picture file of a kind that Pillow knows."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def recompressed(image: Image.Image, kind: str, quality: int) -> Image.Image:
    """Return what is left of a picture after lossy compression."""
    return Image.open(io.BytesIO(encoded(image, kind, quality=quality))).convert("RGB")
