"""The prompts of a run: from the command line and from a file, each checked to be drawable."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ninefold.errors import UserError
from ninefold.file_kinds import LFS_POINTER, is_lfs_pointer
from ninefold.text.prompt import clean_prompt

MAX_FILE_BYTES = 16 * 2**20
"""Largest file of prompts."""

STANDARD_INPUT = "-"


def gather_prompts(arguments: Iterable[str], file: str | None) -> list[str]:
    """Return the prompts given as arguments, then those of `file`, one a line.

    They are returned as they were given: the pipeline cleans them, and says so.

    Args:
        arguments: prompts in the order they were typed.
        file: name of a UTF-8 text file, `"-"` for standard input, or None. Empty lines are skipped.

    Raises:
        UserError: there is no prompt, one is empty or too long, or the file cannot be read.
    """
    prompts = []
    for text in arguments:
        clean_prompt(text)
        prompts.append(text)
    if file is not None:
        name = "standard input" if file == STANDARD_INPUT else repr(file)
        lines = list(_non_empty_lines(_read_file(file, name)))
        if not lines:
            raise UserError(f"There is no prompt in {name}; write one a line.")
        for number, text in lines:
            clean_prompt(text, f"Line {number} of {name}")
            prompts.append(text)
    if not prompts:
        raise UserError("There is nothing to draw; give a prompt, such as 'a red apple'.")
    return prompts


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
    if is_lfs_pointer(data):
        raise UserError(f"{name} cannot be read: {LFS_POINTER} in its clone.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{name} is not text in UTF-8; save it as UTF-8.") from None


def _non_empty_lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if line.strip():
            yield number, line
