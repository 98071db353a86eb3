"""The corpus as training batches: pictures by index, mirrored, moved, on plain backgrounds."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ninefold.corpus.build import Record, read_records
from ninefold.corpus.render import flatten

MAX_SHIFT = 2
"""Pixels that a picture is moved by at most in each direction."""


class PictureSet:
    """The pictures of a built corpus, or of some of its sources, and their records."""

    def __init__(self, folder: Path, sources: Collection[str] | None = None) -> None:
        records = read_records(folder)
        kept = [i for i, r in enumerate(records) if sources is None or r.source in sources]
        self.records: list[Record] = [records[i] for i in kept]
        self.rgba: NDArray[np.uint8] = np.load(folder / "pictures.npy", mmap_mode="r")[kept]
        self.size = int(self.rgba.shape[1])

    def __len__(self) -> int:
        return len(self.records)

    def crop(self, index: int, variant: int) -> NDArray[np.uint8]:
        """Return picture `index` as (H, W, 3), as its variant `variant` shows it.

        Variant 0 is the picture itself on white; the others are mirrored or moved a little.
        """
        rgba = np.asarray(self.rgba[index])
        if variant:
            draw = np.random.Generator(np.random.Philox(key=[index, variant]))
            if draw.random() < 1 / 2:
                rgba = rgba[:, ::-1]
            shift = draw.integers(-MAX_SHIFT, MAX_SHIFT + 1, size=2)
            padded = np.pad(rgba, ((MAX_SHIFT,) * 2, (MAX_SHIFT,) * 2, (0, 0)))
            top, left = MAX_SHIFT + shift
            rgba = padded[top : top + self.size, left : left + self.size]
        return flatten(rgba, (255, 255, 255))

    def order(self, step: int, batch_size: int, seed: int) -> NDArray[np.int64]:
        """Return the indices of the pictures of a step: every epoch is a new permutation."""
        first = step * batch_size
        positions = np.arange(first, first + batch_size)
        epochs = positions // len(self)
        indices = np.empty(batch_size, np.int64)
        for epoch in np.unique(epochs):
            draw = np.random.Generator(np.random.Philox(key=[seed, epoch]))
            permutation = draw.permutation(len(self))
            here = epochs == epoch
            indices[here] = permutation[positions[here] % len(self)]
        return indices
