"""Captions: what training reads holds no word that is kept for measuring."""

from ninefold.corpus.build import Record
from ninefold.corpus.holdout import is_held_out
from ninefold.corpus.lexicon import Entry
from ninefold.corpus.scenes.scene import Scene
from ninefold.training.captions import (
    CAPTIONS_PER_PICTURE,
    NUM_FUNCTION_WORDS,
    choose_words,
    write_captions,
    write_scene_captions,
)

WORDS = [f"word{number}" for number in range(400)]
ENTRIES = [Entry(word, "castle", "near", 0.5) for word in WORDS]
CASTLE = Record("twemoji", "", "1F3F0", "castle", ("tower",), "travel-places", "place-building")


def test_held_out_function_and_foreign_words_are_not_used() -> None:
    used = choose_words([*ENTRIES, Entry("schloss", "castle", "name in de", 1.0)])["castle"]
    held_out = {word for word in WORDS if is_held_out("word", word)}
    assert 5 < len(held_out) < 40
    assert set(used) == set(WORDS[NUM_FUNCTION_WORDS:]) - held_out


def test_captions_take_words_of_the_lexicon_besides_the_name() -> None:
    [captions] = write_captions([CASTLE], 0, choose_words(ENTRIES))
    assert len(captions) == CAPTIONS_PER_PICTURE
    assert any("word" in caption for caption in captions)
    assert any("castle" in caption for caption in captions)
    assert write_captions([CASTLE], 0, choose_words(ENTRIES)) == [captions]


def test_captions_of_scenes_are_normalized() -> None:
    [captions] = write_scene_captions([Scene("twemoji", "single", ("castle",), tint="blue")], 0)
    assert all("blue castle" in caption for caption in captions)
