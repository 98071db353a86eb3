"""Which drawings are copies of training pictures.

A model that has learned a picture by heart, code for code, draws what the VQGAN makes of it. So a
drawing is compared with the *reconstructions* of the training pictures that look most like it, and
is a near copy where it differs from one no more than two prints of one picture do.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ninefold.evaluation.diversity import SAME_PICTURE, rms_differences

CANDIDATES = 4
"""Training pictures, nearest by thumbnail, whose reconstructions a drawing is compared with."""

Thumbnails = NDArray[np.float32]


@dataclass(frozen=True)
class TrainingPictures:
    """What drawings are compared with."""

    thumbnails: Thumbnails
    """(M, D), of all of them."""
    restore: Callable[[int], Thumbnails]
    """Gives the thumbnail (D,) of a training picture's reconstruction."""
    _restored: dict[int, Thumbnails] = field(default_factory=dict)

    def restored(self, index: int) -> Thumbnails:
        """Return the reconstruction's thumbnail, made once."""
        if index not in self._restored:
            self._restored[index] = self.restore(index)
        return self._restored[index]


@dataclass(frozen=True)
class NearCopies:
    """How many of some drawings are near copies, and which picture is nearest to each."""

    rate: float
    nearest: NDArray[np.int64]
    """(N,), index of the training picture whose reconstruction is nearest."""
    differences: Thumbnails
    """(N,), root-mean-square difference from that, of 255."""


def find_near_copies(drawn: Thumbnails, training: TrainingPictures) -> NearCopies:
    """Compare the thumbnails of drawings (N, D) with training pictures."""
    count = min(CANDIDATES, len(training.thumbnails))
    differences = rms_differences(drawn, training.thumbnails)
    candidates = np.argsort(differences, axis=1, kind="stable")[:, :count]
    nearest, closest = [], []
    for picture, indices in zip(drawn, candidates, strict=True):
        restored = np.stack([training.restored(int(index)) for index in indices])
        distances = rms_differences(picture[None], restored)[0]
        nearest.append(int(indices[distances.argmin()]))
        closest.append(float(distances.min()))
    found = np.asarray(closest, np.float32)
    return NearCopies(float((found < SAME_PICTURE).mean()), np.asarray(nearest), found)


def twin_rate(indices: NDArray[np.int64], training: TrainingPictures) -> float:
    """Share of training pictures whose reconstruction passes for a near copy of another picture.

    No model can be expected to fall below it: many things have almost the same picture in two sets.
    """
    is_twin = []
    for index in indices:
        differences = rms_differences(training.thumbnails[[index]], training.thumbnails)[0]
        others = [int(i) for i in np.argsort(differences, kind="stable") if i != index]
        restored = np.stack([training.restored(other) for other in others[:CANDIDATES]])
        own = training.restored(int(index))[None]
        is_twin.append(bool((rms_differences(own, restored) < SAME_PICTURE).any()))
    return float(np.mean(is_twin))
