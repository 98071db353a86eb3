"""What the command line says to people: one line at a time, on standard error.

Prompts and file names are hostile text: nothing in them may move the cursor, change colours or turn
the direction of writing. Standard output is left to results.
"""

import sys
import unicodedata
from contextlib import suppress

_DANGEROUS = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")


def printable(text: str, limit: int = 2000) -> str:
    """Return `text` with control and direction characters replaced by �, and cut to `limit`."""
    shown = "".join(map(_shown_character, text[:limit]))
    return f"{shown}…" if len(text) > limit else shown


def tell(message: str) -> None:
    """Write one line to standard error; that nobody can read it stops nothing."""
    with suppress(OSError, ValueError):  # whoever read it is gone, or it is closed
        print(printable(message), file=sys.stderr, flush=True)


def shorten(text: str, limit: int = 60) -> str:
    """Return `text` on one line of at most `limit` characters, for a label."""
    line = " ".join(printable(text, 10 * limit).split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def _shown_character(character: str) -> str:
    if character in _JOINERS or unicodedata.category(character) not in _DANGEROUS:
        return character
    return " " if character in "\t\n\r\u2028\u2029" else "�"
