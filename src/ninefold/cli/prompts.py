"""The prompts of a run: from the command line and from a file, cleaned and checked.

A prompt may hold any language, emoji and punctuation. What is taken out is what no person means to
draw and what could act on a terminal: control characters and broken encoding, always with a notice.
"""

import sys
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ninefold.cli.messages import shorten
from ninefold.errors import UserError

MAX_PROMPT_CHARACTERS = 100_000
"""Longest prompt that is taken; a model reads far less (DALL·E Mini 64 tokens) and says so."""

MAX_FILE_BYTES = 16 * 2**20
"""Largest file of prompts."""

STANDARD_INPUT = "-"


@dataclass(frozen=True)
class Prompt:
    """A prompt that can be drawn, and what was changed to make it so."""

    text: str
    notices: tuple[str, ...] = ()


def gather_prompts(arguments: Iterable[str], file: str | None) -> list[Prompt]:
    """Return the prompts given as arguments, then those of `file`, one a line.

    Args:
        arguments: prompts in the order they were typed.
        file: name of a UTF-8 text file, `"-"` for standard input, or None. Empty lines are skipped.

    Raises:
        UserError: there is no prompt, one is empty or too long, or the file cannot be read.
    """
    prompts = [clean_prompt(text, "The prompt") for text in arguments]
    if file is not None:
        name = "standard input" if file == STANDARD_INPUT else repr(file)
        lines = list(_non_empty_lines(_read_file(file, name)))
        if not lines:
            raise UserError(f"There is no prompt in {name}; write one a line.")
        prompts += [clean_prompt(text, f"Line {number} of {name}") for number, text in lines]
    if not prompts:
        raise UserError("There is nothing to draw; give a prompt, such as 'a red apple'.")
    return prompts


def clean_prompt(text: str, name: str = "The prompt") -> Prompt:
    """Return `text` without control characters and broken encoding.

    Args:
        text: any text.
        name: what to call it in a message.

    Raises:
        UserError: nothing is left to draw, or the text is too long.
    """
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise UserError(
            f"{name} has {len(text):,} characters; give at most {MAX_PROMPT_CHARACTERS:,}."
        )
    cleaned = "".join(" " if _is_control(character) else character for character in text)
    if not cleaned.strip():
        raise UserError(f"{name} is empty; say what to draw, such as 'a red apple'.")
    if cleaned == text:
        return Prompt(text)
    cleaned = " ".join(cleaned.split())
    return Prompt(
        cleaned,
        (f"Control characters were taken out of the prompt: {shorten(cleaned)!r} is drawn.",),
    )


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def _read_file(file: str, name: str) -> str:
    try:
        if file == STANDARD_INPUT:
            data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError(f"The prompts in {name} cannot be read: {reason}.") from None
    except ValueError:
        raise UserError(f"{name} is not the name of a file.") from None
    if len(data) > MAX_FILE_BYTES:
        raise UserError(f"{name} is larger than {MAX_FILE_BYTES // 2**20} MiB; split it.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{name} is not text in UTF-8; save it as UTF-8.") from None


def _non_empty_lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if line.strip():
            yield number, line
