"""Captions name things by slots, and say all that is special about a picture."""

import pytest

from ninefold.corpus.scenes.grammar import RELATIONS
from ninefold.corpus.scenes.places import PLACES
from ninefold.corpus.scenes.scene import Scene
from ninefold.text.things import IGNORED, SLOTS
from ninefold.training.pictures import PictureSet
from ninefold.training.slot_captions import (
    CAPTIONS_PER_SCENE,
    CAPTIONS_PER_THING,
    scene_caption,
    scene_captions,
    thing_captions,
)


def read_all(scene: Scene) -> list[list[str]]:
    return [scene_caption(scene, seed, 0).split() for seed in range(40)]


def test_a_thing_is_one_slot_in_all_of_its_captions(pictures: PictureSet) -> None:
    captions = thing_captions(pictures)
    assert [len(texts) for texts in captions] == [CAPTIONS_PER_THING] * len(pictures)
    assert all(text.split().count(SLOTS[0]) == 1 for texts in captions for text in texts)
    assert not any(SLOTS[1] in text for texts in captions for text in texts)
    styles = [record.style for record in pictures.records]
    assert any(
        f"{style} style" in text
        for style, texts in zip(styles, captions, strict=True)
        for text in texts
    )
    assert thing_captions(pictures) == captions


@pytest.mark.parametrize("relation", RELATIONS)
def test_both_things_of_a_pair_are_slots_in_order(relation: str) -> None:
    for words in read_all(Scene("twemoji", "pair", ("castle", "robot"), relation)):
        assert [word for word in words if word.startswith("<")] == list(SLOTS)
        assert not {"castle", "castles", "robot", "robots"} & set(words)


def test_a_caption_is_as_prompts_are_looked_up() -> None:
    for words in read_all(Scene("twemoji", "single", ("castle",), place="beach")):
        assert not IGNORED & set(words)


def test_what_is_special_is_said() -> None:
    assert all(
        "blue" in words for words in read_all(Scene("x", "single", ("castle",), tint="blue"))
    )
    assert all(
        {"2", "two", "pair"} & set(words)
        for words in read_all(Scene("x", "count", ("castle",), count=2))
    )
    spoken = {word for phrase in PLACES["desert"] for word in phrase.split()} - IGNORED
    scene = Scene("x", "single", ("castle",), place="desert")
    assert all(spoken & set(words) for words in read_all(scene))


def test_scenes_have_captions_of_their_own() -> None:
    scene = Scene("x", "pair", ("castle", "robot"), "beside")
    captions = scene_captions([scene] * 30, 7)
    assert [len(texts) for texts in captions] == [CAPTIONS_PER_SCENE] * 30
    assert len({text for texts in captions for text in texts}) > 5
    assert scene_captions([scene] * 30, 7) == captions
