"""The lexicon: names before kinds before neighbours; words of none of these mean nothing."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ninefold.corpus.emoji import Emoji
from ninefold.corpus.lexicon import Entry, build_lexicon, read_lexicon, write_lexicon
from ninefold.corpus.wordnet import Nouns
from ninefold.errors import CheckpointError, UserError

INDEX = """  1 a licence
sombrero n 1 1 @ 1 0 00000001
hat n 1 1 @ 1 0 00000002
thing n 1 0 1 0 00000003
"""
DATA = """  1 a licence
00000001 06 n 01 sombrero 0 001 @ 00000002 n 0000 | a hat with a wide brim
00000002 06 n 02 hat 0 lid 0 001 @ 00000003 n 0000 | for the head
00000003 03 n 01 thing 0 000 | whatever
"""
EMOJI = [
    Emoji("1", "hat", ("cap", "head"), "objects", "clothing"),
    Emoji("2", "red apple", ("fruit", "cap"), "food-drink", "food"),
]


def encode(texts: Sequence[str]) -> NDArray[np.float32]:
    """Two directions of meaning: of hats, and of food; what is neither lies between."""
    near = {"hat": (1, 0), "cap": (1, 0), "beanie": (0.9, 0.1), "red apple": (0, 1)}
    rows = [near.get(text.split(":")[0], (0.1, 0.1)) for text in texts]
    return np.asarray(rows, np.float32)


@pytest.fixture
def wordnet(tmp_path: Path) -> Path:
    (tmp_path / "index.noun").write_text(INDEX)
    (tmp_path / "data.noun").write_text(DATA)
    return tmp_path


def test_a_word_means_what_it_names_what_it_is_a_kind_of_or_what_is_near(wordnet: Path) -> None:
    words = ["hats", "sombrero", "fruit", "beanie", "gibberish"]
    entries = build_lexicon(words, EMOJI, Nouns(wordnet), encode)
    found = {entry.word: (entry.label, entry.way) for entry in entries}
    assert found == {
        "hats": ("hat", "name"),
        "sombrero": ("hat", "kind"),
        "fruit": ("red apple", "keyword"),
        "beanie": ("hat", "near"),
    }


def test_a_keyword_of_several_means_the_one_that_is_nearest(wordnet: Path) -> None:
    [entry] = build_lexicon(["cap"], EMOJI, Nouns(wordnet), encode)
    assert entry.label == "hat"


def test_kinds_are_counted_from_the_word(wordnet: Path) -> None:
    nouns = Nouns(wordnet)
    assert nouns.kinds_of("sombrero", 1) == [(0, "sombrero"), (1, "hat"), (1, "lid")]
    assert "sombrero" in nouns
    assert "walrus" not in nouns


def test_missing_or_damaged_words_say_what_to_do(tmp_path: Path, wordnet: Path) -> None:
    with pytest.raises(UserError, match="wordnet-base"):
        Nouns(tmp_path / "nowhere")
    (wordnet / "data.noun").write_text("00000001 06 n zz\n")
    with pytest.raises(CheckpointError, match="damaged"):
        Nouns(wordnet)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    entries = [Entry("sombrero", "hat", "kind", 0.9)]
    write_lexicon(entries, tmp_path / "lexicon.jsonl")
    assert read_lexicon(tmp_path / "lexicon.jsonl") == entries
