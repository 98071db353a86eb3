"""Training pictures by number: the corpus's own, mirrored or moved, and scenes composed of them."""

from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ninefold.corpus.build import Record, read_records
from ninefold.corpus.render import flatten
from ninefold.corpus.scenes.compose import compose
from ninefold.corpus.scenes.grammar import draw_scene
from ninefold.corpus.scenes.scene import Scene

MAX_SHIFT = 4
"""Pixels that a picture is moved by at most in each direction."""

Picture = NDArray[np.uint8]


class PictureSet:
    """The pictures of a built corpus, or of some of its sources, and their records."""

    def __init__(self, folder: Path, sources: Collection[str] | None = None) -> None:
        records = read_records(folder)
        kept = [i for i, r in enumerate(records) if sources is None or r.source in sources]
        self.records: list[Record] = [records[i] for i in kept]
        self.rgba: NDArray[np.uint8] = np.load(folder / "pictures.npy", mmap_mode="r")[kept]
        self.size = int(self.rgba.shape[1])
        self._by_name = {(r.source, r.label): i for i, r in enumerate(self.records)}
        self.labels: dict[str, set[str]] = {}
        for record in self.records:
            self.labels.setdefault(record.source, set()).add(record.label)

    def __len__(self) -> int:
        return len(self.records)

    def find(self, source: str, label: str) -> Picture:
        """Return the RGBA picture of a source's thing; KeyError where there is none."""
        return np.asarray(self.rgba[self._by_name[source, label]])

    def plain(self, index: int, *, is_mirrored: bool = False) -> Picture:
        """Return picture `index` as (H, W, 3) on white."""
        rgba = np.asarray(self.rgba[index])
        return flatten(rgba[:, ::-1] if is_mirrored else rgba, (255, 255, 255))

    def index(self, source: str, label: str) -> int:
        """Return the number of the picture of a source's thing; KeyError where there is none."""
        return self._by_name[source, label]

    def single(self, index: int) -> tuple[Scene, Picture]:
        """Return the thing of picture `index` on white, as it stands in scenes, as a scene."""
        record = self.records[index]
        scene = Scene(record.source, "single", (record.label,))
        return scene, compose(scene, self.find, self.size)

    def rims(self) -> NDArray[np.float64]:
        """Return the mean red, green and blue (P, 3) of each picture along its outline."""
        colours = np.empty((len(self), 3))
        for number, rgba in enumerate(self.rgba):
            step = max(1, self.size // 64)
            small = np.pad(np.asarray(rgba)[::step, ::step], ((1, 1), (1, 1), (0, 0)))
            is_seen = small[..., 3] > 127
            inner = is_seen[1:-1, 1:-1].copy()
            inner &= is_seen[:-2, 1:-1] & is_seen[2:, 1:-1]
            inner &= is_seen[1:-1, :-2] & is_seen[1:-1, 2:]
            rim = is_seen[1:-1, 1:-1] & ~inner
            shown = small[1:-1, 1:-1, :3]
            colours[number] = shown[rim].mean(0) if rim.any() else shown.mean((0, 1))
        return colours

    def moved(self, index: int, variant: int) -> Picture:
        """Return picture `index` on white: variant 0 is itself, others are mirrored or moved."""
        if variant == 0:
            return self.plain(index)
        draw = np.random.Generator(np.random.Philox(key=[index, variant]))
        rgba = np.asarray(self.rgba[index])
        if draw.random() < 1 / 2:
            rgba = rgba[:, ::-1]
        top, left = draw.integers(2 * MAX_SHIFT + 1, size=2)
        padded = np.pad(rgba, ((MAX_SHIFT,) * 2, (MAX_SHIFT,) * 2, (0, 0)))
        rgba = padded[top : top + self.size, left : left + self.size]
        return flatten(rgba, (255, 255, 255))

    def scene(self, seed: int, index: int) -> tuple[Scene, Picture]:
        """Return scene `index` of the series `seed` and its picture (H, W, 3)."""
        scene = self.draw_scene(seed, index)
        return scene, compose(scene, self.find, self.size)

    def draw_scene(self, seed: int, index: int) -> Scene:
        """Return scene `index` of the series `seed`, not composed."""
        return draw_scene(seed, index, self.labels)

    def order(self, step: int, batch_size: int, seed: int) -> NDArray[np.int64]:
        """Return the indices of the pictures of a step: every epoch is a new permutation."""
        positions = np.arange(step * batch_size, (step + 1) * batch_size)
        epochs = positions // len(self)
        indices = np.empty(batch_size, np.int64)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            indices[here] = self._permutation(seed, int(epoch))[positions[here] % len(self)]
        return indices

    @lru_cache(maxsize=4)  # noqa: B019 - one set lives as long as its training
    def _permutation(self, seed: int, epoch: int) -> NDArray[np.int64]:
        return np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(len(self))
