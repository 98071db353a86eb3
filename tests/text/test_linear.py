"""The time of every rule of the normaliser grows with the length of a text, not with its square."""

import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import emoji
import ftfy
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ninefold.text import TextNormalizer
from ninefold.text.emoji_names import MAX_PIECE, name_emoji
from ninefold.text.encoding_repair import MAX_STEPS, repair
from ninefold.text.hashtags import WORD_FREQUENCY_FILE
from ninefold.text.normalize import unescape_html

ATOMS = [
    "&", "amp;", "#38;", "&lt;", "&#", "1", "\x1b[", "0m", "Â", "Ã", "\x83", "â€", "©", "™", " ",
    "\u0300", "\u0315", "\u0345", "\u1100", "\u1161", "\u200d", "👨", "👨‍👩‍👧", "🏽", "🇩", "❤️", "1️⃣",
    "<", ">", "<person>", "and", ",", "[", "]", "#", "a", "A", "_", "'", '"', ".", "-", "/", "\\",
    "http", "猫", "ﬁ", "Ａ", "\ufffd", "\ud83d", "\n", "xtokx", "dot", "ß", "İ", "ℹ", "\N{NULL}",
]  # fmt: skip
GROWTH = 8
PATIENCE_S = 0.5
"""Of processor time, in which a doubtful ratio of two short times does not count."""


@pytest.fixture(scope="module")
def normalizer() -> TextNormalizer:
    words = Path(__file__).parents[1] / "golden" / "text" / WORD_FREQUENCY_FILE
    made = TextNormalizer(words)
    made("#awake 猫 👨 Ã©")  # tables are read at first use
    return made


def seconds(rule: Callable[[str], str], text: str) -> tuple[float, str]:
    start = time.process_time()
    made = rule(text)
    return time.process_time() - start, made


@settings(max_examples=40, deadline=None)
@given(
    start=st.lists(st.sampled_from(ATOMS), max_size=2).map("".join),
    unit=st.lists(st.sampled_from(ATOMS), min_size=1, max_size=3).map("".join),
    end=st.lists(st.sampled_from(ATOMS), max_size=2).map("".join),
)
@example(start="&", unit="amp;", end="")
@example(start="&", unit="#38;", end="lt;")
@example(start="", unit="Â", end="©")
@example(start="", unit="👨\u200d", end="x")
@example(start="", unit="👨\u200d👨 ", end="")
@example(start="a", unit="\u0315\u0300", end="")
@example(start="#", unit="1", end="")
@example(start="#", unit="a", end="")
@example(start="&#", unit="1", end=";")
@example(start="", unit="\x1b[", end="0m")
def test_eight_times_the_text_takes_about_eight_times_the_time(
    normalizer: TextNormalizer, start: str, unit: str, end: str
) -> None:
    short, long = (start + unit * (n // len(unit)) + end for n in (1_000, 1_000 * GROWTH))
    for rule in normalizer.rules:
        quick, short = seconds(rule, short)
        slow, long = seconds(rule, long)
        assert slow < max(PATIENCE_S, 4 * GROWTH * quick), getattr(rule, "__name__", rule)


def test_a_repair_takes_a_bounded_number_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    one_step = ftfy._fix_encoding_one_step_and_explain
    calls: list[str] = []

    def counted(text: str, config: Any) -> Any:
        if len(text) > 10:  # of the whole text: a step may look at a few letters of it again
            calls.append(text)
        return one_step(text, config)

    monkeypatch.setattr(ftfy, "_fix_encoding_one_step_and_explain", counted)
    for text in ("Â" * 300 + "©", "&" + "amp;" * 300, "&" + "#38;" * 300):
        calls.clear()
        repair(text)
        assert len(calls) <= MAX_STEPS


def test_a_repair_is_that_of_ftfy_where_it_comes_to_rest() -> None:
    layers = "“naïve” café – ✔"
    for _ in range(3):
        layers = layers.encode().decode("cp1252", "replace")
        assert repair(layers) == ftfy.fix_text(layers)


@given(
    st.text(st.characters(codec=None), max_size=60)
    | st.lists(st.sampled_from(ATOMS), max_size=12).map("".join)
)
def test_any_short_text_is_repaired_and_its_emoji_named_as_by_the_libraries(text: str) -> None:
    assert repair(text) == ftfy.fix_text(text)
    assert name_emoji(text) == emoji.demojize(text)
    assert name_emoji(text, ("", "")) == emoji.demojize(text, ("", ""))


@given(
    st.lists(
        st.sampled_from(["猫", "é", "👨‍👩‍👧", "1️⃣", "❤️", "ℹ️", "a b"]), min_size=90, max_size=400
    )
)
def test_emoji_of_a_long_text_are_named_as_by_the_library(parts: list[str]) -> None:
    text = "字".join(parts)
    assert len(text) < MAX_PIECE or name_emoji(text) == emoji.demojize(text)


def test_marks_beyond_any_writing_are_dropped() -> None:
    heaped = "a" + "\u0315\u0300" * 1000
    assert repair(heaped)[0] == "à"
    assert sum(unicodedata.combining(c) > 0 for c in repair(heaped)) < 65


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("&#" + "0" * 5000 + "65;", "A"),
        ("&#" + "9" * 5000 + ";x", "\ufffdx"),
        ("&#" + "0" * 5000, "\ufffd"),
        ("&#" + "1" * 100_000 + "<", "\ufffd<"),
        ("&#65 &amp;lt;", "A <"),
    ],
)
def test_numbers_of_characters_may_have_any_length(text: str, made: str) -> None:
    assert unescape_html(text) == made
