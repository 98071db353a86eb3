"""Which prompts are drawn, and what is answered to the others."""

import io
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninefold.cli.prompts import MAX_FILE_BYTES, MAX_PROMPT_CHARACTERS, clean_prompt, gather_prompts
from ninefold.errors import UserError


@pytest.mark.parametrize(
    "text",
    ["a red apple", "قطة حمراء", "👨\u200d👩\u200d👧 🐙", "  #love & <b>peace</b>", "[bold]x[/]"],
)
def test_a_prompt_in_any_language_is_drawn_as_it_is(text: str) -> None:
    prompt = clean_prompt(text)
    assert prompt.text == text
    assert prompt.notices == ()


@given(text=st.text(min_size=1))
def test_what_is_drawn_has_no_control_characters_and_is_not_empty(text: str) -> None:
    try:
        prompt = clean_prompt(text)
    except UserError as error:
        assert "is empty" in str(error)  # noqa: PT017 - either outcome is right
        return
    assert prompt.text.strip()
    assert all(unicodedata.category(character) not in ("Cc", "Cs") for character in prompt.text)
    assert bool(prompt.notices) == (prompt.text != text)


def test_control_characters_are_taken_out_with_a_notice() -> None:
    prompt = clean_prompt("a\x00red\x1b[31m apple\nand a\tpear \udcff")
    assert prompt.text == "a red [31m apple and a pear"
    assert "Control characters were taken out" in prompt.notices[0]


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\x00\x1b", "\u3000"])
def test_an_empty_prompt_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="The prompt is empty; say what to draw"):
        clean_prompt(text)


def test_a_prompt_of_100000_characters_is_taken_and_a_longer_one_refused() -> None:
    assert len(clean_prompt("a" * MAX_PROMPT_CHARACTERS).text) == 100_000
    with pytest.raises(UserError, match="has 100,001 characters; give at most 100,000"):
        clean_prompt("a" * 100_001)


def test_a_file_gives_a_prompt_a_line_after_those_of_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_bytes(b"\xef\xbb\xbfa cat\r\n\r\n#hashtag\n   \na dog\x0b!")
    prompts = gather_prompts(["first"], str(path))
    assert [prompt.text for prompt in prompts] == ["first", "a cat", "#hashtag", "a dog !"]
    assert [bool(prompt.notices) for prompt in prompts] == [False, False, False, True]


def test_prompts_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("un café\n".encode())))
    assert [prompt.text for prompt in gather_prompts([], "-")] == ["un café"]


def test_a_bad_line_is_named_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("a cat\n\n\x00\n")
    with pytest.raises(UserError, match=r"Line 3 of '.*prompts.txt' is empty"):
        gather_prompts([], str(path))


def test_a_file_that_cannot_be_used_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    with pytest.raises(UserError, match="cannot be read: No such file"):
        gather_prompts([], str(path))
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        gather_prompts([], str(tmp_path))
    with pytest.raises(UserError, match="not the name of a file"):
        gather_prompts([], "a\0b")
    path.write_bytes(b"caf\xe9\n")
    with pytest.raises(UserError, match="not text in UTF-8"):
        gather_prompts([], str(path))
    path.write_bytes(b"\n\n")
    with pytest.raises(UserError, match="There is no prompt in"):
        gather_prompts([], str(path))
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(UserError, match="larger than 16 MiB"):
        gather_prompts([], str(path))


def test_no_prompt_at_all_is_explained() -> None:
    with pytest.raises(UserError, match="nothing to draw; give a prompt"):
        gather_prompts([], None)
