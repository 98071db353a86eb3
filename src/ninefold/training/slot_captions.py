"""Captions as a model with a table of things reads them: its things as slots (`text.things`).

What a thing is called is the table's affair, so captions say only what is to be done with it.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import numpy as np

from ninefold.corpus.scenes.compose import backdrop_of
from ninefold.corpus.scenes.describe import describe_scene
from ninefold.corpus.scenes.scene import Scene
from ninefold.text import TextNormalizer
from ninefold.text.things import SLOTS, key_of
from ninefold.training.pictures import PictureSet

CAPTIONS_PER_THING = 8
CAPTIONS_PER_SCENE = 2
STYLE_SHARE = 0.2
"""Captions of single things that name the set they are drawn from."""
PHRASES = (
    "{name}", "{name}", "{name}", "{name}", "picture {name}", "drawing {name}",
    "{name} emoji", "cute {name}", "one {name}", "photo {name}", "painting {name}",
    "{name} icon", "illustration {name}", "{name} on white background",
)  # fmt: skip
"""Phrasings of a single thing, as prompts are looked up (`text.things.key_of`)."""
_NAMES = ("slotone", "slottwo")
"""Stand for the slots before a text is normalised, which would take those apart."""
_normalize = cache(TextNormalizer())


def thing_captions(pictures: PictureSet, seed: int = 0) -> list[list[str]]:
    """Return `CAPTIONS_PER_THING` captions of every picture of a set."""
    captions = []
    for number, record in enumerate(pictures.records):
        draw = np.random.Generator(np.random.Philox(key=[seed, number]))
        of_picture = []
        for _ in range(CAPTIONS_PER_THING):
            text = PHRASES[int(draw.integers(len(PHRASES)))].format(name=SLOTS[0])
            if draw.random() < STYLE_SHARE:
                text = f"{text} {record.style} style"
            of_picture.append(text)
        captions.append(of_picture)
    return captions


def scene_captions(scenes: Iterable[Scene], seed: int) -> list[list[str]]:
    """Return `CAPTIONS_PER_SCENE` captions of every scene."""
    return [
        [scene_caption(scene, seed + number, index) for index in range(CAPTIONS_PER_SCENE)]
        for number, scene in enumerate(scenes)
    ]


def drawn_captions(scenes: Iterable[Scene], seed: int) -> list[list[str]]:
    """Return `scene_captions` without colours and styles of things, which sketches show."""
    return scene_captions(
        (replace(scene, tint="", style="", place=backdrop_of(scene)) for scene in scenes), seed
    )


def scene_caption(scene: Scene, seed: int, index: int) -> str:
    """Return caption number `index` of a scene."""
    key = key_of(_normalize(describe_scene(scene, seed, index, _NAMES)))
    return key.replace(_NAMES[0], SLOTS[0]).replace(_NAMES[1], SLOTS[1])
