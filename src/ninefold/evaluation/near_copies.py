"""Which drawings are copies of training pictures, and what counts as one.

The measure is calibrated on the model itself: a drawing is a near copy where it is as close to a
training picture as that picture's own reconstruction by the VQGAN mostly is. A model that had
learned a picture by heart, code for code, would draw exactly that reconstruction.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ninefold.evaluation.diversity import rms_differences

QUANTILE = 0.95
"""Share of the reconstructions that count as copies of their own pictures."""


@dataclass(frozen=True)
class TrainingPictures:
    """What drawings are compared with."""

    thumbnails: NDArray[np.float32]
    """(M, D), of all of them."""
    threshold: float
    """Root-mean-square difference, of 255, that a near copy stays within; by `copy_threshold`."""


@dataclass(frozen=True)
class NearCopies:
    """How many of some drawings are near copies, and which picture is nearest to each."""

    rate: float
    nearest: NDArray[np.int64]
    """(N,), index of the nearest training picture."""
    differences: NDArray[np.float32]
    """(N,), how far from it."""


def copy_threshold(pictures: NDArray[np.float32], restored: NDArray[np.float32]) -> float:
    """Difference that `QUANTILE` of the reconstructions stay within; thumbnails (M, D) each."""
    differences = np.sqrt(np.square(pictures - restored).mean(1))
    return float(np.quantile(differences, QUANTILE))


def find_near_copies(drawn: NDArray[np.float32], training: TrainingPictures) -> NearCopies:
    """Compare the thumbnails of drawings (N, D) with those of training pictures."""
    differences = rms_differences(drawn, training.thumbnails)
    nearest = differences.argmin(1)
    closest = differences[np.arange(len(drawn)), nearest]
    return NearCopies(float((closest < training.threshold).mean()), nearest, closest)
