"""A perceptual fingerprint: 256 bits that say what a picture looks like, whatever its file is.

Copies that were compressed, resized or stripped of their metadata have nearly the same bits; other
pictures differ in about half of them. Colour is not in it. The bits are those of ImageHash's
`phash(hash_size=16)`, a test holds them equal; here the transform is two small matrix products, so
that neither SciPy nor its time is needed. Source: Zauner, "Implementation and Benchmarking of
Perceptual Image Hash Functions" (2010).
"""

import functools
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageStat

FINGERPRINT_BITS = 256

MATCH_DISTANCE = 32
"""Most bits in which a copy differs from its original; how it was measured: docs/safety.md."""

_SIDE = 16  # of the coefficients that are kept
_SAMPLES = 64  # of the picture that they are computed from

_LEAST_CONTRAST = 2.0  # grey levels

Name = TypeVar("Name")


def fingerprint(picture: Image.Image) -> str:
    """Return the fingerprint of a picture as 64 hexadecimal digits."""
    small = picture.convert("L").resize((_SAMPLES, _SAMPLES), Image.Resampling.LANCZOS)
    transform = _cosines()
    coefficients = transform @ np.asarray(small, dtype=np.float64) @ transform.T
    bits = coefficients > np.median(coefficients)
    return np.packbits(bits.flatten()).tobytes().hex()


def has_structure(picture: Image.Image) -> bool:
    """Whether a picture shows enough to be told from others: all of one colour look alike."""
    return float(ImageStat.Stat(picture.convert("L")).stddev[0]) >= _LEAST_CONTRAST


def distance(first: str, second: str) -> int:
    """Return in how many bits two fingerprints differ, 0 to 256.

    Raises:
        ValueError: one of them is no fingerprint.
    """
    return (_number(first) ^ _number(second)).bit_count()


def is_copy(first: str, second: str) -> bool:
    """Whether two fingerprints are of the same picture, as far as they can tell."""
    return distance(first, second) <= MATCH_DISTANCE


def closest(wanted: str, known: Mapping[Name, str]) -> tuple[Name, int] | None:
    """Return the name and distance of the best match among `known`, or None if none is a copy."""
    found = [(distance(wanted, other), name) for name, other in known.items()]
    if not found:
        return None
    bits, name = min(found, key=lambda each: each[0])
    return (name, bits) if bits <= MATCH_DISTANCE else None


def _number(text: str) -> int:
    if len(text) != FINGERPRINT_BITS // 4:
        raise ValueError(f"A fingerprint has {FINGERPRINT_BITS // 4} digits, not {len(text)}.")
    return int(text, 16)


@functools.cache
def _cosines() -> NDArray[np.float64]:
    """Return the first rows of the discrete cosine transform of `_SAMPLES` points (type II)."""
    points = np.arange(_SAMPLES) + 0.5
    return 2 * np.cos(np.pi * np.arange(_SIDE)[:, None] * points[None, :] / _SAMPLES)
