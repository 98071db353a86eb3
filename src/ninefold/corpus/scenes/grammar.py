"""The grammar: which scenes there are, drawn by a counter-based stream, held-out ones left out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ninefold.corpus.holdout import is_held_out
from ninefold.corpus.scenes.looks import STYLES, TINTS
from ninefold.corpus.scenes.places import BACKDROPS, PLACES
from ninefold.corpus.scenes.scene import Scene
from ninefold.corpus.scenes.things import (
    ACTORS,
    BUILDINGS,
    COMMON,
    FACES,
    FOOD,
    GLASSES,
    HATS,
    HELD,
    RIDDEN,
)


@dataclass(frozen=True)
class Relation:
    """A way two things stand to each other."""

    weight: float
    first: Sequence[str]
    second: Sequence[str]
    phrases: tuple[str, ...]
    """With `{a}` and `{b}` for the things, articles included."""


RELATIONS: dict[str, Relation] = {
    "beside": Relation(
        4, COMMON, COMMON,
        ("{a} and {b}", "{a} and {b}", "{a} next to {b}", "{a} beside {b}", "{a} with {b}",
         "{a} to the left of {b}", "{a} near {b}", "{a}, {b}", "{a} meets {b}",
         "{a} looking at {b}", "{a} looking for {b}"),
    ),
    "above": Relation(
        2, COMMON, COMMON,
        ("{a} on top of {b}", "{a} above {b}", "{a} on {b}", "{a} over {b}", "{a} flying over {b}",
         "{a} sitting on {b}", "{a} standing on {b}"),
    ),
    "below": Relation(1, COMMON, COMMON, ("{a} under {b}", "{a} below {b}", "{a} beneath {b}")),
    "riding": Relation(
        2, ACTORS, RIDDEN, ("{a} riding {b}", "{a} driving {b}", "{a} rides {b}", "{a} drives {b}")
    ),
    "holding": Relation(
        2, ACTORS, HELD,
        ("{a} holding {b}", "{a} carrying {b}", "{a} has {b}", "{a} playing {b}", "{a} using {b}"),
    ),
    "eating": Relation(
        1.5, ACTORS, FOOD,
        ("{a} eating {b}", "{a} eats {b}", "a hungry {bare_a} eating {b}", "{a} drinking {b}"),
    ),
    "fighting": Relation(
        2, ACTORS, COMMON,
        ("{a} fighting {b}", "{a} attacking {b}", "{a} vs {b}", "{a} against {b}", "{a} fights {b}",
         "{a} chasing {b}", "{a} running after {b}"),
    ),
    "at": Relation(
        2, ACTORS, BUILDINGS,
        ("{a} at {b}", "{a} in front of {b}", "{a} in {b}", "{a} visiting {b}", "{a} outside {b}",
         "{a} inside {b}", "{a} by {b}"),
    ),
}  # fmt: skip
"""Relations of two things; `first` and `second` are who can take part."""

KIND_WEIGHTS = {"place": 4.0, "tint": 2.0, "style": 1.0, "size": 1.0, "count": 2.0, "pair": 10.0,
                "wearing": 2.0}  # fmt: skip
"""How often each kind of scene is drawn, relative to the others."""
SOMEWHERE_SHARE = 0.5
"""Scenes of other kinds that are also somewhere; the rest are on white."""
PLACE_SHARE = 0.75
"""Of what is somewhere, places; the rest are on a plain colour."""
TINTED_SHARE = 0.1
"""Pairs whose first thing is tinted."""
ANY_SHARE = 0.5
"""Share of the things, where a scene may have any, that are drawn from all of a source's."""


MAX_DRAFTS = 20_000
"""Drafts before it is said that a corpus has nothing to compose; a whole one needs two or three."""


def draw_scene(seed: int, index: int, labels: Mapping[str, Collection[str]]) -> Scene:
    """Return scene `index`: the same one for the same seed and labels, never a held-out one.

    Args:
        seed: of the series of scenes.
        index: which scene of the series.
        labels: source to the labels that it draws.

    Raises:
        ValueError: no source draws any thing, or only such as all scenes of are held out.
    """
    sources = sorted(source for source, things in labels.items() if things)
    draw = np.random.Generator(np.random.Philox(key=[seed, index]))
    for _ in range(MAX_DRAFTS if sources else 0):
        source = _pick(draw, sources)
        kind = str(draw.choice(list(KIND_WEIGHTS), p=_kind_shares()))
        scene = _draft(draw, source, kind, sorted(labels[source]))
        is_drawn = all(thing in labels[source] for thing in scene.things)
        if is_drawn and not any(is_held_out(*key) for key in scene.held_out_keys()):
            return scene
    raise ValueError("No source draws the things that scenes are made of.")


def _kind_shares() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    weights = np.asarray(list(KIND_WEIGHTS.values()))
    shares: np.ndarray[tuple[int], np.dtype[np.float64]] = weights / weights.sum()
    return shares


def _draft(draw: np.random.Generator, source: str, kind: str, labels: Sequence[str]) -> Scene:
    def any_of(choices: Sequence[str]) -> str:
        is_any = choices is COMMON and draw.random() < ANY_SHARE
        return _pick(draw, labels if is_any else choices)

    backdrops = [name for name in BACKDROPS if name != "white"]
    where = _pick(draw, list(PLACES) if draw.random() < PLACE_SHARE else backdrops)
    place = where if draw.random() < SOMEWHERE_SHARE else ""
    tint = _pick(draw, list(TINTS)) if kind == "tint" or draw.random() < TINTED_SHARE else ""
    thing = any_of(COMMON)
    if kind == "place":
        return Scene(source, "single", (thing,), place=where)
    if kind == "tint":
        return Scene(source, "single", (thing,), tint=tint, place=place)
    if kind == "style":
        return Scene(source, "single", (thing,), style=_pick(draw, list(STYLES)))
    if kind == "size":
        return Scene(source, "single", (thing,), size="tiny", place=place)
    if kind == "count":
        return Scene(source, "count", (thing,), count=int(draw.integers(2, 5)), place=place)
    if kind == "wearing":
        worn = _pick(draw, HATS if draw.random() < 3 / 4 else GLASSES)
        return Scene(source, "wearing", (_pick(draw, FACES), worn), tint=tint, place=place)
    names = list(RELATIONS)
    weights = np.asarray([RELATIONS[name].weight for name in names])
    relation = names[int(draw.choice(len(names), p=weights / weights.sum()))]
    pair = (any_of(RELATIONS[relation].first), any_of(RELATIONS[relation].second))
    return Scene(source, "pair", pair, relation, tint=tint, place=place)


def _pick(draw: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(draw.integers(len(choices)))]
