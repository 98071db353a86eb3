"""What people might type to get a scene. Plain text, drawn by a counter-based stream."""

from collections.abc import Sequence

import numpy as np

from ninefold.corpus.captions import article, names_of
from ninefold.corpus.scenes.grammar import RELATIONS
from ninefold.corpus.scenes.looks import STYLES
from ninefold.corpus.scenes.places import PLACES
from ninefold.corpus.scenes.scene import Scene

_COUNTS = {2: ("two", "two", "2", "a pair of"), 3: ("three", "three", "3"), 4: ("four", "4")}
_WORN = ("{a} wearing {b}", "{a} wearing {b}", "{a} wears {b}", "{a} dressed up with {b}")
_TINY = (
    "a tiny {name}",
    "a small {name}",
    "a very small {name}",
    "a miniature {name}",
    "tiny {name}",
)
_OPENINGS = (
    "{what}", "{what}", "{what}", "{what}", "a picture of {what}", "a photo of {what}",
    "a painting of {what}", "an illustration of {what}", "{what}, digital art",
    "a drawing of {what}",
)  # fmt: skip
_LOCATED = ("{what} {where}", "{what} {where}", "{what} {where}", "{where}, {what}")


def describe_scene(scene: Scene, seed: int, index: int, names: Sequence[str] | None = None) -> str:
    """Return caption number `index` of a scene.

    Args:
        scene: what the picture shows; all that is special about it is said.
        seed: of the scene, so that alike scenes get different captions.
        index: which caption.
        names: what the things are called instead of their names, the plural as the singular.
            Places are then said in one way, as `corpus.phrases` has prompts read.
    """
    draw = np.random.Generator(np.random.Philox(key=[seed, index]))
    what = _subject(scene, draw, names)
    if scene.style:
        what = f"{_pick(draw, STYLES[scene.style])} {what}"
    if scene.place in PLACES:
        said = PLACES[scene.place]
        where = said[0] if names is not None else _pick(draw, said)
        what = _pick(draw, _LOCATED).format(what=what, where=where)
    elif scene.place:
        what = f"{what} {on_colour(scene.place)}"
    return what if scene.style else _pick(draw, _OPENINGS).format(what=what)


def on_colour(colour: str) -> str:
    """Return how a caption says that something is before a background of one colour."""
    return f"on a {colour} background"


def _subject(scene: Scene, draw: np.random.Generator, given: Sequence[str] | None) -> str:
    names = [_pick(draw, names_of(thing)) for thing in scene.things] if given is None else given
    if scene.kind == "count":
        many = _plural(names[0]) if given is None else names[0]
        return f"{_pick(draw, _COUNTS[scene.count])} {many}"
    if scene.size:
        return _pick(draw, _TINY).format(name=names[0])
    if scene.tint:
        names = [f"{scene.tint} {names[0]}", *names[1:]]
    if scene.tint and scene.kind == "single":
        return _with_article(names[0])
    if scene.kind == "single":
        return _with_article(names[0]) if draw.random() < 3 / 4 else names[0]
    a, b = (_with_article(name) for name in names)
    phrases: Sequence[str] = _WORN if scene.kind == "wearing" else RELATIONS[scene.relation].phrases
    return _pick(draw, phrases).format(a=a, b=b, bare_a=names[0])


def _with_article(name: str) -> str:
    return f"{article(name)} {name}"


def _plural(name: str) -> str:
    """Return the plural by the rules of spelling; exceptions are few among the things.

    >>> _plural("octopus"), _plural("strawberry"), _plural("french fries"), _plural("key")
    ('octopuses', 'strawberries', 'french fries', 'keys')
    """
    if name.endswith("s") and not name.endswith(("us", "ss")):
        return name
    if name.endswith(("s", "x", "ch", "sh")):
        return f"{name}es"
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}s"


def _pick(draw: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(draw.integers(len(choices)))]
