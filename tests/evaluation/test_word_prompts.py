"""Unseen words are held out of training by hash, and are told by the names of their things."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from ninefold.corpus.build import Record
from ninefold.corpus.holdout import is_held_out
from ninefold.errors import UserError
from ninefold.evaluation.prompts import Corpus
from ninefold.evaluation.word_prompts import (
    OTHER_LANGUAGES,
    UNSEEN_WORDS,
    other_languages,
    unseen_words,
)


@pytest.mark.parametrize("word", UNSEEN_WORDS)
def test_every_word_is_kept_from_training(word: str) -> None:
    assert is_held_out("word", word)


def write_things(folder: Path, labels: list[str]) -> Corpus:
    """Write a corpus of a white picture of each thing by eight designers."""
    records = [
        Record(source, "flat", f"{number}", label, (), "objects", "tool")
        for source in "abcdefgh"
        for number, label in enumerate(labels)
    ]
    np.save(folder / "pictures.npy", np.full((len(records), 8, 8, 4), 255, np.uint8))
    lines = "".join(json.dumps(asdict(record)) + "\n" for record in records)
    (folder / "records.jsonl").write_text(lines)
    (folder / "manifest.json").write_text("{}")
    return Corpus(folder)


def test_a_word_is_drawn_and_the_name_of_its_thing_is_looked_for(tmp_path: Path) -> None:
    labels = list(dict.fromkeys(UNSEEN_WORDS.values()))
    split = unseen_words(write_things(tmp_path, labels), 20, seed=1)
    assert len(split.cases) == 20
    for case in split.cases:
        word = case.caption.partition(" ")[2]
        assert case.told_by.partition(" ")[2] == UNSEEN_WORDS[word]
        assert len(case.crowd) == 8
        assert case.told_by not in [caption for caption, _ in split.others]


def test_a_word_of_another_language_is_drawn_and_told_in_english(tmp_path: Path) -> None:
    labels = list(dict.fromkeys(OTHER_LANGUAGES.values()))
    split = other_languages(write_things(tmp_path, [*labels, "violin"]), 20, seed=1)
    assert len({case.caption for case in split.cases}) == 20
    for case in split.cases:
        assert case.told_by.partition(" ")[2] == OTHER_LANGUAGES[case.caption]
    assert "a violin" in [caption for caption, _ in split.others]


def test_a_corpus_without_their_things_says_what_to_do(corpus_folder: Path) -> None:
    with pytest.raises(UserError, match="leave out the split unseen-words"):
        unseen_words(Corpus(corpus_folder), 2, seed=1)
