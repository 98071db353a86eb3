"""A plain caption says all that a scene shows; a contrast shows something it does not say."""

import numpy as np
import pytest

from ninefold.corpus.contrasts import contrasts
from ninefold.corpus.plain_captions import plain_caption, plural, vary_caption
from ninefold.corpus.scenes.scene import Scene


def single(
    thing: str, *, tint: str = "", style: str = "", size: str = "", place: str = ""
) -> Scene:
    return Scene("", "single", (thing,), tint=tint, style=style, size=size, place=place)


@pytest.mark.parametrize(
    ("scene", "caption"),
    [
        (single("dog face", tint="red"), "a red dog"),
        (single("octopus", size="tiny"), "a tiny octopus"),
        (single("octopus", place="sea"), "an octopus at sea"),
        (single("owl", place="red"), "an owl on a red background"),
        (single("owl", style="black and white"), "a black and white owl"),
        (single("owl", style="silhouette"), "a silhouette of an owl"),
        (single("crossed swords", tint="blue"), "blue crossed swords"),
        (Scene("", "count", ("fox",), count=3), "three foxes"),
        (Scene("", "pair", ("fox", "owl"), "riding"), "a fox riding an owl"),
        (Scene("", "pair", ("fox", "owl"), "beside", place="night"), "a fox and an owl at night"),
        (Scene("", "wearing", ("fox", "sunglasses")), "a fox wearing sunglasses"),
        (Scene("", "wearing", ("fox", "top hat")), "a fox wearing a top hat"),
    ],
)
def test_a_plain_caption_says_everything(scene: Scene, caption: str) -> None:
    assert plain_caption(scene) == caption


@pytest.mark.parametrize(
    ("one", "many"),
    [("box", "boxes"), ("pony", "ponies"), ("key", "keys"), ("hot dog", "hot dogs"),
     ("old woman", "old women"), ("tropical fish", "tropical fish"), ("bus", "buses"),
     ("man dancing", "men dancing")],
)  # fmt: skip
def test_plurals(one: str, many: str) -> None:
    assert plural(one) == many


def test_phrases_vary_and_keep_the_things() -> None:
    scene = Scene("", "pair", ("fox", "owl"), "above", place="sea")
    draw = np.random.default_rng(0)
    captions = {vary_caption(scene, draw) for _ in range(60)}
    assert len(captions) > 10
    assert all("fox" in caption and "owl" in caption for caption in captions)


@pytest.mark.parametrize(
    ("scene", "count"),
    [
        (single("fox"), 0),
        (single("fox", tint="red"), 9),
        (single("fox", style="sketch"), 4),
        (single("fox", place="sea"), 16),
        (single("fox", place="red"), 8),
        (Scene("", "count", ("fox",), count=2), 2),
        (Scene("", "pair", ("fox", "owl"), "beside"), 6),
        (Scene("", "pair", ("fox", "owl"), "above"), 7),
    ],
)
def test_a_contrast_differs_in_one_thing_that_is_said(scene: Scene, count: int) -> None:
    others = contrasts(scene)
    assert len(others) == count
    assert plain_caption(scene) not in {plain_caption(other) for other in others}
    assert all(sorted(other.things) == sorted(scene.things) for other in others)


def test_a_pair_side_by_side_is_the_same_the_other_way_round() -> None:
    scene = Scene("", "pair", ("fox", "owl"), "beside")
    assert Scene("", "pair", ("owl", "fox"), "beside") not in contrasts(scene)
    assert Scene("", "pair", ("owl", "fox"), "riding") in contrasts(
        Scene("", "pair", ("fox", "owl"), "riding")
    )
