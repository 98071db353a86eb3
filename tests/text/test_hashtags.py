"""Hashtags are split as the reference splits them, or at visible boundaries."""

import itertools
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninefold.errors import CheckpointError
from ninefold.text.hashtags import WordSplitter, split_at_boundaries

WORDS = ("the", "a", "cat", "s", "at", "hec", "e", "'s", "1", "12", "ca")


@pytest.fixture(scope="module")
def word_list(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("words") / "words.txt"
    path.write_text("".join(f"{word} {100 - n}\n" for n, word in enumerate(WORDS)))
    return path


def cheapest_cost(tag: str) -> float:
    """The least cost of any split of `tag`, by trying all of them."""
    costs = {word: math.log(rank + 1) for rank, word in enumerate(WORDS)}
    best = math.inf
    for cuts in itertools.product((False, True), repeat=len(tag) - 1):
        words = "".join(c + " " * cut for c, cut in zip(tag, (*cuts, False), strict=True)).split()
        best = min(best, sum(costs.get(word, math.inf) for word in words))
    return best


@given(text=st.text("thecas", min_size=1, max_size=9))
def test_the_split_is_the_cheapest_there_is(word_list: Path, text: str) -> None:
    words = WordSplitter(word_list).split(text)
    assert "".join(words) == text
    cost = sum(math.log(WORDS.index(w) + 1) if w in WORDS else math.inf for w in words)
    assert cost == pytest.approx(cheapest_cost(text))


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("thecat", ["the", "cat"]),
        ("TheCat", ["The", "Cat"]),
        ("the_cat", ["the", "cat"]),
        ("cat's", ["cat's"]),
        ("cat12112", ["cat", "12112"]),
        ("thezzz", ["the", "z", "z", "z"]),
        ("zthe", ["z", "t", "h", "e"]),
        ("", []),
        ("___", []),
    ],
)
def test_possessives_and_numbers_stay_whole_and_unknown_words_fall_apart(
    word_list: Path, tag: str, words: list[str]
) -> None:
    assert WordSplitter(word_list).split(tag) == words


@pytest.mark.parametrize(
    ("content", "problem"), [(b"", "empty"), (b"\n \n", "empty"), (b"\xff\xfe", "cannot be read")]
)
def test_a_damaged_word_list_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=problem):
        WordSplitter(path).split("thecat")


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("SunsetLake2020", ["Sunset", "Lake", "2020"]),
        ("NASALaunch", ["NASA", "Launch"]),
        ("sunsetlake", ["sunsetlake"]),
        ("3cats_2Dogs", ["3", "cats", "2", "Dogs"]),
        ("", []),
    ],
)
def test_without_a_list_case_digits_and_underscores_part_the_words(
    tag: str, words: list[str]
) -> None:
    assert split_at_boundaries(tag) == words
