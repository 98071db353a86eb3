"""Laws of prompts: what is drawn as it is, what is cleaned with a notice, what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninefold.errors import UserError
from ninefold.text.prompt import clean_prompt


@pytest.mark.parametrize(
    "text",
    [
        "a red apple",
        "  two  spaces ",
        "猫と🎉",
        "שלום עולם",
        "a\u202eb",
        "x" * 100_000,
    ],
)
def test_a_prompt_without_control_characters_stays_as_it_is(text: str) -> None:
    assert clean_prompt(text).text == text
    assert clean_prompt(text).notices == ()


@pytest.mark.parametrize(
    "text",
    [
        "a\x1b[31m red\x00apple",
        "a\nred\r\n\tapple",
        "\ud800a red apple",
        "a\u2028red\x85apple",
    ],
)
def test_control_characters_and_broken_encoding_are_left_out_with_a_notice(text: str) -> None:
    cleaned = clean_prompt(text, "The negative prompt")
    assert cleaned.text in ("a red apple", "a [31m red apple")
    assert cleaned.notices == ("The negative prompt held control characters; they are left out.",)


@given(st.text())
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    try:
        once = clean_prompt(text)
    except UserError:
        return
    again = clean_prompt(once.text)
    assert (again.text, again.notices) == (once.text, ())
    assert once.text.encode()


@pytest.mark.parametrize("text", ["", "  ", "\n\t", "\x00\x1b"])
def test_a_blank_prompt_is_refused_with_what_to_do(text: str) -> None:
    with pytest.raises(UserError, match="The prompt is empty; give it words"):
        clean_prompt(text)


def test_an_overlong_prompt_is_refused_with_the_limit() -> None:
    with pytest.raises(UserError, match=r"has 100,001 characters; give at most 100,000"):
        clean_prompt("x" * 100_001)
