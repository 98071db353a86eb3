"""Emoji to their names, in time that is linear in the text.

The library looks every character up in a list of all joined emoji that it has met in the same text.
So it is given pieces, cut where no emoji goes on; only where somebody joins more emoji than any
emoji has, a piece is cut between them. Knows nothing of what is done with the names.
"""

import re
from collections.abc import Iterator

import emoji

MAX_PIECE = 256
"""Characters that the library is given at a time."""

_PLAIN = re.compile(r"([A-Za-z ]{2,})")  # in no emoji; digits, # and * are, in keycaps
_INFORMATION = "\N{INFORMATION SOURCE}"  # the one letter that is an emoji


def name_emoji(text: str, delimiters: tuple[str, str] = (":", ":")) -> str:
    """Return what `emoji.demojize` makes of a text: a smile becomes `:grinning_face:`."""
    if text.isascii():
        return text
    named = []
    for number, part in enumerate(_PLAIN.split(text)):
        if number % 2 or part.isascii():
            named.append(part)
        else:
            named.extend(emoji.demojize(piece, delimiters) for piece in _pieces(part))
    return "".join(named)


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > MAX_PIECE:
        end = start + MAX_PIECE
        # After a letter no emoji goes on.
        while end > start and not (text[end - 1].isalpha() and text[end - 1] != _INFORMATION):
            end -= 1
        if end == start:
            end = start + MAX_PIECE
        yield text[start:end]
        start = end
    yield text[start:]
