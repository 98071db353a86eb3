"""Prompts of composed scenes: attributes, counts, relations, places, styles, unseen compositions.

The things, relations and places are those that scenes are made of (`corpus.scenes`), the captions
plain ones. A scene of a seen split has no held-out combination, one of an unseen split has one.
Every pool of captions holds those of the same things in another colour, number, place or order, so
that naming the things alone is not enough.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ninefold.corpus.contrasts import RELATION_LAYOUTS, contrasts
from ninefold.corpus.holdout import is_held_out
from ninefold.corpus.plain_captions import NUMBERS, plain_caption
from ninefold.corpus.scenes.compose import compose
from ninefold.corpus.scenes.grammar import RELATIONS
from ninefold.corpus.scenes.looks import STYLES, TINTS
from ninefold.corpus.scenes.places import PLACES
from ninefold.corpus.scenes.scene import Scene
from ninefold.corpus.scenes.things import COMMON
from ninefold.errors import UserError
from ninefold.evaluation.prompts import Case, Corpus, Split

NUM_OTHERS = 150
"""Further captions of a kind, from which pools are filled."""
NUM_REAL = 3
"""Sets, at most, that draw each scene as a real picture."""
TRIES = 5000
SIZES = 0.2
"""Share of the attributes that are sizes; the others are colours."""


@dataclass(frozen=True)
class SceneKind:
    """A kind of scenes that is measured."""

    name: str
    title: str
    draft: Callable[[np.random.Generator], Scene]
    """Draws a scene of the kind, of any things and of no set."""
    target: float | None = None
    is_held_out: bool = False
    """Whether scenes are those with a combination that training never sees, or those without."""


def _pick(draw: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(draw.integers(len(choices)))]


def _attribute(draw: np.random.Generator) -> Scene:
    thing = (_pick(draw, COMMON),)
    if draw.random() < SIZES:
        return Scene("", "single", thing, size="tiny")
    return Scene("", "single", thing, tint=_pick(draw, list(TINTS)))


def _count(draw: np.random.Generator) -> Scene:
    number = list(NUMBERS)[int(draw.integers(len(NUMBERS)))]
    return Scene("", "count", (_pick(draw, COMMON),), count=number)


def _relation(draw: np.random.Generator) -> Scene:
    name = _pick(draw, list(RELATIONS))
    pair = (_pick(draw, RELATIONS[name].first), _pick(draw, RELATIONS[name].second))
    return Scene("", "pair", pair, name)


def _place(draw: np.random.Generator) -> Scene:
    return Scene("", "single", (_pick(draw, COMMON),), place=_pick(draw, list(PLACES)))


def _style(draw: np.random.Generator) -> Scene:
    return Scene("", "single", (_pick(draw, COMMON),), style=_pick(draw, list(STYLES)))


def _any_composition(draw: np.random.Generator) -> Scene:
    drafts = (_relation, _attribute, _place, _count)
    return drafts[int(draw.integers(len(drafts)))](draw)


SCENE_KINDS = (
    SceneKind("attributes", "Attributes", _attribute, target=0.7),
    SceneKind("counts", "Counts", _count),
    SceneKind("relations", "Relations", _relation),
    SceneKind("places", "Places", _place, target=0.7),
    SceneKind("styles", "Styles", _style),
    SceneKind("unseen-pairs", "Relations of unseen pairs", _relation, 0.6, is_held_out=True),
    SceneKind("unseen-compositions", "Unseen compositions", _any_composition, is_held_out=True),
)


def scene_split(kind: SceneKind, corpus: Corpus, count: int, seed: int) -> Split:
    """Draw the prompts of a kind, with real pictures of them.

    Raises:
        UserError: the corpus lacks the things that scenes are made of.
    """
    bank = _Bank(corpus)
    draw = np.random.Generator(np.random.Philox(key=[seed, 3]))
    cases: list[Case] = []
    others: list[tuple[str, frozenset[str]]] = []
    for scene in _distinct(kind, draw):
        real = bank.pictures(scene, draw) if len(cases) < count else ()
        if real:
            cases.append(_case(scene, real))
        elif len(cases) == count:
            others.append((plain_caption(scene), _keys(scene)))
        if len(others) == NUM_OTHERS:
            break
    if len(cases) < 2:
        raise UserError(
            "The corpus lacks the things that scenes are made of; build the whole one with "
            "`ninefold corpus build`."
        )
    return Split(kind.name, kind.title, tuple(cases), tuple(others), kind.target)


def _distinct(kind: SceneKind, draw: np.random.Generator) -> Iterator[Scene]:
    """Scenes of a kind, each with a caption of its own."""
    known: set[str] = set()
    for _ in range(TRIES):
        scene = kind.draft(draw)
        has_unseen = any(is_held_out(*key) for key in scene.held_out_keys())
        is_pair_of_one = len(set(scene.things)) < len(scene.things)
        keys = _keys(scene)
        if has_unseen == kind.is_held_out and not is_pair_of_one and known.isdisjoint(keys):
            known |= keys
            yield scene


def _case(scene: Scene, real: tuple[Image.Image, ...]) -> Case:
    keys = _keys(scene)
    said = dict.fromkeys(plain_caption(other) for other in contrasts(scene))
    decoys = tuple(caption for caption in said if caption not in keys)
    return Case(plain_caption(scene), keys, real, real, decoys)


def _keys(scene: Scene) -> frozenset[str]:
    """The captions that say what this scene shows: "a under b" is "b on top of a"."""
    captions = {plain_caption(scene)}
    if scene.kind == "pair":
        turned = replace(scene, things=scene.things[::-1])
        layout = RELATION_LAYOUTS[scene.relation]
        alike = [name for name, other in RELATION_LAYOUTS.items() if other == layout]
        if layout == "side by side":
            captions |= {plain_caption(replace(turned, relation=name)) for name in alike}
            captions |= {plain_caption(replace(scene, relation=name)) for name in alike}
        elif layout == "upon each other":
            other = next(name for name in alike if name != scene.relation)
            captions.add(plain_caption(replace(turned, relation=other)))
    return frozenset(captions)


class _Bank:
    """Pictures of things by set, for scenes to be composed of."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.size = int(corpus.rgba.shape[1])
        self.places = {(r.source, r.label): n for n, r in enumerate(corpus.records)}
        self.sources = sorted({record.source for record in corpus.records})

    def pictures(self, scene: Scene, draw: np.random.Generator) -> tuple[Image.Image, ...]:
        """The scene as several sets draw it; nothing where none has its things."""
        able = [s for s in self.sources if all((s, t) in self.places for t in scene.things)]
        chosen = [able[int(i)] for i in draw.permutation(len(able))[:NUM_REAL]]
        shown = [compose(replace(scene, source=s), self._find, self.size) for s in chosen]
        return tuple(Image.fromarray(picture) for picture in shown)

    def _find(self, source: str, label: str) -> NDArray[np.uint8]:
        return np.asarray(self.corpus.rgba[self.places[source, label]])
