"""Phrases are found as whole words, with plurals and stems, also where they are hidden."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninefold.safety.folding import JOINED
from ninefold.safety.term_index import Found, TermIndex, parse_phrase

INDEX = TermIndex(
    {
        "bare": ["naked", "in the nude"],
        "people": ["man", "woman", "women", "little girl"],
        "gore": ["behead*"],
        "two": ["naked wom*"],
    }
)
WORDS = st.lists(
    st.sampled_from(
        ["naked", "nakeds", "man", "little", "girl", "x", "in", "the", "nude", "beheads"]
    )
    | st.text(alphabet=f"nakedm*{JOINED}", min_size=1, max_size=12),
    max_size=12,
)


def groups(*words: str) -> list[str]:
    return [found.group for found in INDEX.find(INDEX.expand(words))]


def test_a_phrase_is_found_with_its_place() -> None:
    assert INDEX.find(["a", "man", "in", "the", "nude"]) == [
        Found(1, 2, "people"),
        Found(2, 5, "bare"),
    ]


def test_a_part_of_a_word_is_no_finding() -> None:
    assert groups("mankind", "unnaked", "nude") == []


def test_a_phrase_that_is_cut_off_is_no_finding() -> None:
    assert groups("in", "the") == []


def test_a_plural_is_found_in_any_word_of_a_phrase() -> None:
    assert groups("little", "girls") == ["people"]
    assert groups("nakeds") == ["bare"]


def test_a_stem_finds_what_begins_with_it() -> None:
    assert groups("beheaded") == ["gore"]
    assert groups("naked", "womanhood") == ["bare", "two"]


@pytest.mark.parametrize("mask", ["n*ked", "nak*d", "n*k*d", "n***d"])
def test_a_masked_word_is_filled_in(mask: str) -> None:
    assert groups(mask) == ["bare"]


def test_a_mask_of_no_known_word_parts_words() -> None:
    assert INDEX.expand(["man*woman"]) == ["man", "woman"]


def test_a_word_of_known_words_alone_is_parted() -> None:
    assert INDEX.expand(["nakedwomen", "nakedness", "manx"]) == [
        "naked",
        "women",
        "nakedness",
        "manx",
    ]


def test_known_words_are_found_among_spaced_letters() -> None:
    assert INDEX.expand([f"{JOINED}anakedmanx"]) == ["a", "naked", "man", "x"]
    assert INDEX.expand([f"{JOINED}naked"]) == ["naked"]
    assert INDEX.expand([f"{JOINED}xyz"]) == ["xyz"]


def test_an_empty_index_finds_nothing() -> None:
    index = TermIndex({"none": []})
    assert index.find(index.expand(["naked", "n*ked", f"{JOINED}abc"])) == []


@given(WORDS)
def test_findings_lie_within_the_words(words: list[str]) -> None:
    expanded = INDEX.expand(words)
    assert all(0 <= each.start < each.end <= len(expanded) for each in INDEX.find(expanded))


@given(WORDS)
def test_expanding_keeps_every_letter(words: list[str]) -> None:
    bare = [word.replace("*", "") for word in words if "*" not in word]
    kept = "".join(INDEX.expand(bare))
    assert kept == "".join(word.removeprefix(JOINED) for word in bare)


@pytest.mark.parametrize(
    ("phrase", "words"),
    [
        ("Self-Harm", ("self", "harm")),
        ("porn*", ("porn*",)),
        ("self-harm* now", ("self", "harm*", "now")),
        ("нет", ("het",)),
    ],
)
def test_a_phrase_is_folded_as_prompts_are(phrase: str, words: tuple[str, ...]) -> None:
    assert parse_phrase(phrase) == words


@pytest.mark.parametrize("phrase", ["...", "", "*", "ab*", "a b*"])
def test_a_phrase_that_finds_nothing_or_everything_is_refused(phrase: str) -> None:
    with pytest.raises(ValueError, match="letters"):
        parse_phrase(phrase)
