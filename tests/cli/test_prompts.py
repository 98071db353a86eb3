"""Which prompts a run draws, and what is answered to files of prompts that cannot be used."""

import io
from pathlib import Path

import pytest

from ninefold.cli.prompts import MAX_FILE_BYTES, gather_prompts
from ninefold.errors import UserError


def test_a_file_gives_a_prompt_a_line_after_those_of_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_bytes(b"\xef\xbb\xbfa cat\r\n\r\n#hashtag\n   \na dog\x0b!")
    prompts = gather_prompts(["first"], str(path))
    assert prompts == ["first", "a cat", "#hashtag", "a dog\x0b!"]


def test_prompts_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("un café\n".encode())))
    assert gather_prompts([], "-") == ["un café"]


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
    path.write_bytes(b"na\xefve\n")
    with pytest.raises(UserError, match="not text in UTF-8"):
        gather_prompts([], str(path))
    path.write_bytes(b"\n\n")
    with pytest.raises(UserError, match="There is no prompt in"):
        gather_prompts([], str(path))
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(UserError, match="larger than 16 MiB"):
        gather_prompts([], str(path))


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\x00\x1b", "\u3000"])
def test_an_empty_prompt_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="The prompt is empty; give it words"):
        gather_prompts(["a cat", text], None)


def test_no_prompt_at_all_is_explained() -> None:
    with pytest.raises(UserError, match="nothing to draw; give a prompt"):
        gather_prompts([], None)
