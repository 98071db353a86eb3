"""The caption normaliser equals that of dalle-mini 0.1.5 and holds on hostile text."""

import json
import random
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ninefold.errors import CheckpointError
from ninefold.text import TextNormalizer
from ninefold.text.hashtags import WORD_FREQUENCY_FILE
from ninefold.text.normalize import transliteration_of_folder
from ninefold.transliteration import default_transliteration, exact_transliteration

# What the reference makes of these, with emoji 2.16, ftfy 6.3.1 and Unidecode 1.4.0.
REFERENCE = {
    "Dali painting of WALL·E": " dali painting of wall * e",
    "cat 😀": " cat, grinning face",
    "1,000,000 cats at 3.5% on 1/2/2020": " 1000000 cats at 3.5 % on 1/2, 2020",
    "Jimmy's e.g. a.b.c test": " jimmy's e.g, a.b, c test",
    "café façade – 猫 “quoted” text": ' cafe facade, mao " quoted " text',
    "AC/DC & R&B": " ac, dc & r & b",
    "soooooo cool": " so cool",
    "VIII XXXX 1111111": " viii x 1111111",
    "it's 'quoted' don't rock'n'roll": ' it\'s " quoted " don\'t rock " n " roll',
    "½ price ©2022 ™": " 1/2 price, copyright, 2022, trade mark",
    "<b>hi</b> http://x.y z [1]": " hi z",
    # Corners where a rule that takes both neighbours differs from one that looks at them.
    "1,1,000": " 11000",
    "1,2,000,000,1,000": " 12000000, 1000",
    "x-x-1x": " x x, 1x",
    "a < b <c> <>": " a < b <>",
    "<<b>": " <",
    "h\u200b><”<b>": ' h >< "',
    "#the_cat’s": " the cat x t o k x q u o t e x t o k x s",
    "[1] [2] in [3] [4]": " 2, in, 3",
}

# Endings that make greedy expressions look ahead in vain, and units of what they repeat.
HOSTILE_UNITS = ("<", "<person> ", " ", ", ", '"', "[1", "a.", "é")


@pytest.fixture(scope="module")
def words() -> Path:
    return Path(__file__).parents[1] / "golden" / "text" / WORD_FREQUENCY_FILE


@pytest.fixture(scope="module", params=[default_transliteration, exact_transliteration])
def normalizer(words: Path, request: pytest.FixtureRequest) -> TextNormalizer:
    """With the transliterator that is always there, and with that of the reference."""
    transliteration = request.param()
    assert transliteration is not None
    return TextNormalizer(words, transliteration=transliteration)


@pytest.mark.parametrize(("text", "expected"), REFERENCE.items())
def test_a_text_becomes_what_the_reference_makes_of_it(
    normalizer: TextNormalizer, text: str, expected: str
) -> None:
    assert normalizer(text) == expected


def test_every_text_of_the_golden_set_becomes_what_the_reference_makes_of_it(
    normalizer: TextNormalizer, golden: Path
) -> None:
    cases = json.loads((golden / "text" / "flax_text.json").read_text(encoding="utf-8"))
    assert [normalizer(case["text"]) for case in cases] == [case["normalised"] for case in cases]


@given(st.text(st.characters(codec=None)) | st.text("<>[]&#;,.'\"-/_ \n1aperson\ud800😀é"))
def test_any_text_becomes_lower_case_ascii_behind_one_space(text: str) -> None:
    result = TextNormalizer()(text)
    assert result.isascii()
    assert result == result.lower()
    assert result.startswith(" ")
    assert not result.startswith("  ")
    assert result == " " + " ".join(result.split())


@given(st.text("abst http#<>[]&;,.'\"-/%1,0!?:+*$@^é猫😀“\n"))
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = TextNormalizer()(text)
    assume("http" not in once)
    assert TextNormalizer()(once) == once


def test_a_lone_http_is_what_a_second_pass_may_change() -> None:
    once = TextNormalizer()("http : x")
    assert once == " http, x"
    assert TextNormalizer()(once) == " x"


@pytest.mark.parametrize("unit", HOSTILE_UNITS)
def test_the_time_is_linear_on_hostile_text(normalizer: TextNormalizer, unit: str) -> None:
    text = "<person>" + (unit * 100_000)[:100_000] + "x"
    start = time.process_time()
    normalizer(text)
    assert time.process_time() - start < 10  # seconds; a quadratic rule takes minutes


def test_a_tag_of_any_length_is_split_in_linear_time(normalizer: TextNormalizer) -> None:
    start = time.process_time()
    assert normalizer("#" + "themoon" * 3_000) == " the moon" * 3_000
    assert time.process_time() - start < 10


def test_neighbouring_person_tokens_are_people(normalizer: TextNormalizer) -> None:
    assert normalizer("<PERSON>, <person> and <person>,and, <person>walk") == " people walk"


def test_a_lone_person_token_is_drawn_the_same_for_the_same_text(
    normalizer: TextNormalizer,
) -> None:
    texts = [f"<person> number {n} meets <person>" for n in range(20)]
    first = [normalizer(text) for text in texts]
    assert first == [normalizer(text) for text in texts]
    assert "person>" not in "".join(first)
    assert len({text.split(" number")[0] for text in first}) > 1


def test_person_tokens_are_drawn_from_the_generator_that_is_given() -> None:
    text = "<person> or <person> or <person> or <person>"
    one, other = (TextNormalizer(rng=random.Random(seed)) for seed in (1, 1))
    drawn = [one(text) for _ in range(5)]
    assert drawn == [other(text) for _ in range(5)]
    assert len(set(drawn)) > 1


def test_person_tokens_are_drawn_as_often_as_in_the_training_captions() -> None:
    counts = Counter(TextNormalizer(rng=random.Random(0))("<person> or " * 5000).split(" or "))
    shares = {word.strip(): count / 5000 for word, count in counts.items()}
    assert shares["a person"] == pytest.approx(282265 / 415678, abs=0.02)
    assert shares["someone"] == pytest.approx(121194 / 415678, abs=0.02)
    assert shares["somebody"] == pytest.approx(12219 / 415678, abs=0.02)


def test_without_a_word_list_tags_are_cut_where_case_and_digits_change() -> None:
    normalizer = TextNormalizer()
    assert normalizer("#SunsetLake2020 #sunsetlake #the_cat") == (
        " sunset lake 2020 sunsetlake the cat"
    )


def test_the_word_list_is_used_where_the_folder_has_one(words: Path, tmp_path: Path) -> None:
    assert TextNormalizer.from_folder(words.parent)("#themoon") == " the moon"
    assert TextNormalizer.from_folder(tmp_path)("#themoon") == " themoon"


def test_only_a_published_model_is_spelled_by_what_happens_to_be_installed(
    words: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert transliteration_of_folder(words.parent).is_exact
    assert not transliteration_of_folder(tmp_path).is_exact
    monkeypatch.setitem(sys.modules, "unidecode", None)  # as where the extra is not installed
    assert not transliteration_of_folder(words.parent).is_exact


def test_a_word_list_that_is_named_but_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is missing"):
        TextNormalizer(tmp_path / WORD_FREQUENCY_FILE)
