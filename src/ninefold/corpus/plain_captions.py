"""What a scene is called: once plainly, for measuring, and in the phrases that people use.

A plain caption says everything that the scene shows and nothing else. It does not know how pocket's
own captions are written, so that what is measured is not the phrasing that was trained on.
"""

import numpy as np

from ninefold.corpus.captions import article, names_of
from ninefold.corpus.scenes.grammar import RELATIONS
from ninefold.corpus.scenes.looks import STYLES
from ninefold.corpus.scenes.places import BACKDROPS, PLACES
from ninefold.corpus.scenes.scene import Scene

NUMBERS = {2: "two", 3: "three", 4: "four"}
_PLURALS = {
    "mouse": "mice", "fish": "fish", "sheep": "sheep", "man": "men", "woman": "women",
    "wolf": "wolves", "leaf": "leaves", "child": "children", "deer": "deer",
    "sushi": "sushi", "popcorn": "popcorn", "bread": "bread", "broccoli": "broccoli",
    "man dancing": "men dancing", "woman dancing": "women dancing",
    "meat on bone": "meats on bones",
}  # fmt: skip
_ALREADY_PLURAL = frozenset(
    {"crossed swords", "french fries", "cherries", "grapes", "pancakes", "glasses", "sunglasses",
     "goggles"}
)  # fmt: skip


def plain_name(label: str) -> str:
    """Return what people call a thing: its CLDR name without "face".

    >>> plain_name("dog face"), plain_name("woman’s hat")
    ('dog', "woman's hat")
    """
    name = names_of(label)[0]
    return name.removesuffix(" face") if name.count(" ") == 1 else name


def plural(noun: str) -> str:
    """Return the plural of a noun phrase, by its last word.

    >>> plural("fox"), plural("red apple"), plural("mouse"), plural("butterfly"), plural("key")
    ('foxes', 'red apples', 'mice', 'butterflies', 'keys')
    """
    before, _, last = noun.rpartition(" ")
    if noun in _PLURALS or noun in _ALREADY_PLURAL:
        return _PLURALS.get(noun, noun)
    if last in _PLURALS:
        many = _PLURALS[last]
    elif last.endswith(("s", "x", "z", "ch", "sh")):
        many = last if last.endswith("es") else f"{last}es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        many = f"{last[:-1]}ies"
    else:
        many = f"{last}s"
    return f"{before} {many}".strip()


def plain_caption(scene: Scene) -> str:
    """Return the one sentence that says what a scene shows."""
    return _write(scene, None)


def vary_caption(scene: Scene, draw: np.random.Generator) -> str:
    """Return one of the ways in which people would ask for a scene."""
    return _write(scene, draw)


def _write(scene: Scene, draw: np.random.Generator | None) -> str:
    names = [_name(label, draw) for label in scene.things]
    plain = list(names)
    if scene.tint:
        names[0] = f"{scene.tint} {names[0]}"
    if scene.size:
        names[0] = f"{scene.size} {names[0]}"
    nouns = [_with_article(name, label) for name, label in zip(names, plain, strict=True)]
    if scene.kind == "count":
        text = f"{NUMBERS[scene.count]} {plural(names[0])}"
    elif scene.kind == "pair":
        phrase = _pick(RELATIONS[scene.relation].phrases, draw)
        text = phrase.format(a=nouns[0], b=nouns[1], bare_a=names[0])
    elif scene.kind == "wearing":
        text = f"{nouns[0]} {_pick(('wearing', 'in', 'with'), draw)} {nouns[1]}"
    else:
        text = nouns[0]
    if scene.style:
        style = _pick(STYLES[scene.style], draw)
        is_whole = style.endswith((" of", "pixel art", " for"))
        text = f"{style} {text}" if is_whole else f"{article(style)} {style} {names[0]}"
    if scene.place in PLACES:
        text = f"{text} {_pick(PLACES[scene.place], draw)}"
    elif scene.place in BACKDROPS:
        text = f"{text} on a {scene.place} background"
    return text


def _with_article(name: str, plain: str) -> str:
    return name if plain in _ALREADY_PLURAL else f"{article(name)} {name}"


def _name(label: str, draw: np.random.Generator | None) -> str:
    return plain_name(label) if draw is None else _pick(names_of(label), draw)


def _pick(choices: tuple[str, ...], draw: np.random.Generator | None) -> str:
    return choices[0] if draw is None else choices[int(draw.integers(len(choices)))]
