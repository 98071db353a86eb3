"""What a model is asked to draw when it is measured, and the real pictures of the same.

A case is a caption as a person would type it, what it is about, and real pictures of that. Cases
are chosen by a seed, so that two models are asked the same. Nothing is drawn here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ninefold.corpus.build import Record, read_records
from ninefold.corpus.captions import article, names_of
from ninefold.corpus.held_out_pictures import is_held_out_picture
from ninefold.corpus.render import flatten
from ninefold.errors import UserError

WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Case:
    """One prompt of a split."""

    caption: str
    keys: frozenset[str]
    """What it is about; captions with a common key are never told apart."""
    real: tuple[Image.Image, ...]
    """Real pictures of it that the evaluator has not learned from, one or more."""
    crowd: tuple[Image.Image, ...]
    """All real pictures of it, for the distance of crowds."""


@dataclass(frozen=True)
class Split:
    """Prompts of one kind, and further captions of that kind that they are told from."""

    name: str
    title: str
    cases: tuple[Case, ...]
    others: tuple[tuple[str, frozenset[str]], ...]
    """Captions without pictures, with what they are about; they fill the pools of a hundred."""
    target: float | None
    """Share of the real pictures' precision that generated ones are to reach, where one is set."""


class Corpus:
    """A built corpus as it is measured against: records, and pictures on white."""

    def __init__(self, folder: Path) -> None:
        if not (folder / "manifest.json").is_file():
            raise UserError(
                f"{folder} holds no corpus, whose pictures a model is measured against; run "
                f"`ninefold corpus build --out {folder}` first."
            )
        self.records: list[Record] = read_records(folder)
        self.rgba: NDArray[np.uint8] = np.load(folder / "pictures.npy", mmap_mode="r")

    def picture(self, index: int) -> Image.Image:
        """Return picture `index` on white."""
        return Image.fromarray(flatten(np.asarray(self.rgba[index]), WHITE))

    def sample(self, count: int, seed: int) -> list[int]:
        """Return the indices of `count` pictures, or of all where there are fewer."""
        draw = np.random.Generator(np.random.Philox(key=[seed, 1]))
        return sorted(draw.permutation(len(self.records))[:count].tolist())


def single_objects(corpus: Corpus, count: int, seed: int) -> Split:
    """Things by their names: "an octopus". A thing has some picture the evaluator never saw."""
    indices: dict[str, list[int]] = {}
    for number, record in enumerate(corpus.records):
        indices.setdefault(record.label, []).append(number)
    unseen = {label: _unseen(corpus.records, numbers) for label, numbers in indices.items()}
    labels = [label for label, numbers in unseen.items() if numbers]
    if len(labels) < 2:
        raise UserError(
            "The corpus is too small to measure against: almost no picture is held out from the "
            "evaluator; build the whole one with `ninefold corpus build`."
        )
    draw = np.random.Generator(np.random.Philox(key=[seed, 0]))
    order = [labels[int(number)] for number in draw.permutation(len(labels))]
    cases = tuple(
        Case(
            caption=f"{article(label)} {label}",
            keys=frozenset(names_of(label)),
            real=tuple(map(corpus.picture, unseen[label])),
            crowd=tuple(map(corpus.picture, indices[label])),
        )
        for label in order[:count]
    )
    others = tuple(
        (f"{article(label)} {label}", frozenset(names_of(label))) for label in order[count:]
    )
    return Split("single-objects", "Single objects", cases, others, target=0.85)


SplitBuilder = Callable[[Corpus, int, int], Split]
"""From a corpus, a number of prompts and a seed to a split."""

SPLITS: dict[str, SplitBuilder] = {"single-objects": single_objects}
"""Every split by its name."""


def _unseen(records: Sequence[Record], numbers: Sequence[int]) -> list[int]:
    return [n for n in numbers if is_held_out_picture(records[n].source, records[n].hexcode)]
