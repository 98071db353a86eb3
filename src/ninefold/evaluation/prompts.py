"""What a model is asked to draw when it is measured, and the real pictures of the same.

A case is a caption as a person would type it, what it is about, and real pictures of that. Cases
are chosen by a seed, so that two models are asked the same. Nothing is drawn here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ninefold.corpus.build import Record, read_records
from ninefold.corpus.captions import article, names_of
from ninefold.corpus.held_out_pictures import is_held_out_picture
from ninefold.corpus.scenes.compose import compose
from ninefold.corpus.scenes.scene import Scene
from ninefold.errors import UserError


@dataclass(frozen=True)
class Case:
    """One prompt of a split."""

    caption: str
    """What the model is asked to draw."""
    keys: frozenset[str]
    """What it is about; captions with a common key are never told apart."""
    real: Sequence[Image.Image]
    """Real pictures of it that the evaluator has not learned from; some cases have none."""
    crowd: Sequence[Image.Image]
    """All real pictures of it, for the distance of crowds."""
    decoys: tuple[str, ...] = ()
    """Captions that say almost the same, and are always among those it is to be told from."""
    told_by: str = ""
    """The caption that the evaluator looks for, where it is not the prompt: an unseen word of the
    model need not be a word of the evaluator."""


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
        self.folder = folder
        self.records: list[Record] = read_records(folder)
        self.rgba: NDArray[np.uint8] = np.load(folder / "pictures.npy", mmap_mode="r")

    def picture(self, index: int) -> Image.Image:
        """Return the thing of picture `index` on white, as it stands in scenes by itself."""
        thing = np.asarray(self.rgba[index])
        scene = Scene("", "single", ("",))
        return Image.fromarray(compose(scene, lambda _source, _label: thing, len(thing)))

    def sample(self, count: int, seed: int) -> list[int]:
        """Return the indices of `count` pictures, or of all where there are fewer."""
        draw = np.random.Generator(np.random.Philox(key=[seed, 1]))
        return sorted(draw.permutation(len(self.records))[:count].tolist())


def single_objects(corpus: Corpus, count: int, seed: int) -> Split:
    """Things by their names: "an octopus". A thing has some picture the evaluator never saw.

    Raises:
        UserError: the corpus is too small.
    """
    things = [case for _, case in things_of(corpus) if case.real]
    if len(things) < 2:
        raise UserError(
            "The corpus is too small to measure against: almost no picture is held out from the "
            "evaluator; build the whole one with `ninefold corpus build`."
        )
    draw = np.random.Generator(np.random.Philox(key=[seed, 0]))
    order = [things[int(number)] for number in draw.permutation(len(things))]
    others = tuple((case.caption, case.keys) for case in order[count:])
    return Split("single-objects", "Single objects", tuple(order[:count]), others, target=0.85)


def things_of(corpus: Corpus) -> Iterator[tuple[str, Case]]:
    """Yield each thing's label with its case, in the order of the corpus."""
    indices: dict[str, list[int]] = {}
    for number, record in enumerate(corpus.records):
        indices.setdefault(record.label, []).append(number)
    for label, numbers in indices.items():
        yield (
            label,
            Case(
                caption=f"{article(label)} {label}",
                keys=frozenset(names_of(label)),
                real=_Pictures(corpus, _unseen(corpus.records, numbers)),
                crowd=_Pictures(corpus, numbers),
            ),
        )


class _Pictures(Sequence[Image.Image]):
    """Pictures of a corpus by index, made when they are looked at."""

    def __init__(self, corpus: "Corpus", indices: Sequence[int]) -> None:
        self._corpus, self._indices = corpus, indices

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> Image.Image: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Image.Image]: ...
    def __getitem__(self, index: int | slice) -> Image.Image | Sequence[Image.Image]:
        if isinstance(index, slice):
            return [self._corpus.picture(number) for number in self._indices[index]]
        return self._corpus.picture(self._indices[index])


def _unseen(records: Sequence[Record], numbers: Sequence[int]) -> list[int]:
    return [n for n in numbers if is_held_out_picture(records[n].source, records[n].hexcode)]
