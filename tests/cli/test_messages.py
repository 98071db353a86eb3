"""Nothing that a stranger wrote acts on the terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninefold.cli.messages import printable, shorten, tell

HARMFUL = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}


@given(text=st.text())
def test_no_control_or_direction_character_is_shown(text: str) -> None:
    for character in printable(text):
        assert character in "\u200c\u200d" or unicodedata.category(character) not in HARMFUL


def test_ordinary_text_of_every_script_is_shown_as_it_is() -> None:
    for text in ("a red apple", "قطة حمراء", "👨\u200d👩\u200d👧", "हिन्दी", "naïve — “x”"):
        assert printable(text) == text


def test_a_message_is_one_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    tell("drawn:\n\x1b[31mred\u202e")
    assert capsys.readouterr() == ("", "drawn: �[31mred�\n")


def test_long_text_is_cut_with_an_ellipsis() -> None:
    assert printable("a" * 3000) == "a" * 2000 + "…"
    assert shorten("a  cat\n" * 50, 10) == "a cat a c…"
    assert shorten("a cat", 5) == "a cat"
