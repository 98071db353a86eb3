"""Scenes that differ from a scene in one thing that its caption says.

A judge that only sees which things are there takes "a red car" for "a blue car". Captions of these
scenes tell it from one that sees colour, number, place, style and who is on top of whom.
"""

from dataclasses import replace

from ninefold.corpus.holdout import is_held_out
from ninefold.corpus.plain_captions import NUMBERS
from ninefold.corpus.scenes.looks import STYLES, TINTS
from ninefold.corpus.scenes.places import BACKDROPS, PLACES
from ninefold.corpus.scenes.scene import Scene

RELATION_LAYOUTS = {
    "beside": "side by side",
    "fighting": "side by side",
    "above": "upon each other",
    "below": "upon each other",
    "riding": "on a larger one",
    "holding": "a small one at the side",
    "eating": "a small one below",
    "at": "in front of a larger one",
}
"""What a relation looks like; those that look alike are never held against each other."""


def contrasts(scene: Scene) -> list[Scene]:
    """Return every scene of the same things that differs in its number, relation or one attribute.

    A scene of a single thing without attributes has none.
    """
    if scene.kind == "count":
        return [replace(scene, count=count) for count in NUMBERS if count != scene.count]
    if scene.kind == "pair":
        return _other_relations(scene)
    if scene.tint:
        return [replace(scene, tint=tint) for tint in TINTS if tint != scene.tint]
    if scene.style:
        return [replace(scene, style=style) for style in STYLES if style != scene.style]
    places = list(PLACES) if scene.place in PLACES else [n for n in BACKDROPS if n != "white"]
    return [replace(scene, place=place) for place in places if scene.place not in ("", place)]


def seen_contrasts(scene: Scene) -> list[Scene]:
    """Return those contrasts of a scene that training may see: without held-out combinations."""
    return [
        other
        for other in contrasts(scene)
        if not any(is_held_out(*key) for key in other.held_out_keys())
    ]


def _other_relations(scene: Scene) -> list[Scene]:
    layout = RELATION_LAYOUTS[scene.relation]
    found = [
        replace(scene, relation=relation)
        for relation, other in RELATION_LAYOUTS.items()
        if other != layout
    ]
    is_ordered = layout != "side by side"
    if is_ordered and scene.things[0] != scene.things[1]:
        found.append(replace(scene, things=scene.things[::-1]))
    return found
