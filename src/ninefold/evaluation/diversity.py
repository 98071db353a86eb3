"""How much the nine pictures of a prompt differ: in meaning, and in whether they are the same one.

Works on vectors and pixels; whose they are is not known here.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

THUMBNAIL = 16
"""Side that pictures are compared at: large enough for shapes, too small for noise."""
SAME_PICTURE = 10.0
"""Root-mean-square difference, of 255, below which two thumbnails are the same picture: that of two
drawings by eye indistinguishable but for a few codes."""


def mean_distance(vectors: NDArray[np.float32]) -> float:
    """Mean of 1 − cosine over the pairs of K unit vectors (K, E); 0 for one vector."""
    count = len(vectors)
    if count < 2:
        return 0.0
    cosines = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    pairs = cosines[np.triu_indices(count, 1)]
    return float((1 - pairs).mean())


def thumbnail(image: Image.Image) -> NDArray[np.float32]:
    """Return a picture as (`THUMBNAIL`² · 3,) numbers of 0 to 255."""
    small = image.convert("RGB").resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return np.asarray(small, np.float32).reshape(-1)


def rms_differences(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Root-mean-square differences of thumbnails (N, D) and (M, D), as (N, M)."""
    squares = (first**2).sum(1)[:, None] + (second**2).sum(1) - 2 * first @ second.T
    return np.asarray(np.sqrt(squares.clip(0) / first.shape[1]), np.float32)


def count_distinct(thumbnails: NDArray[np.float32], threshold: float = SAME_PICTURE) -> int:
    """Count the different pictures among K thumbnails (K, D): those unlike all counted before."""
    same = rms_differences(thumbnails, thumbnails) < threshold
    counted: list[int] = []
    for number in range(len(thumbnails)):
        if not same[number, counted].any():
            counted.append(number)
    return len(counted)
