"""Text as a reader sees it: without case, accents, look-alikes, invisible characters and tricks.

`fold` undoes what is never meant (invisible characters, other alphabets' look-alikes); `readings`
gives every way in which digits, spaced letters and drawn-out letters may be meant. Both take any
string and need time in proportion to its length. Knows nothing of what is looked for in the text.
"""

import functools
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator

from ninefold.safety.confusables import CONFUSABLES

SYMBOLS = "@$!|*"
"""Characters that are no letters and that `fold` keeps, because they may stand for one."""

JOINED = "^"
"""What a word of `readings` begins with where it was put together from spaced letters."""

_APOSTROPHES = frozenset("'`´‘’‛ʼ＇")
_INVISIBLE_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")
_BLANK_SYMBOLS = frozenset("\u2800")
_DRAWN_OUT = re.compile(r"([^\W\d_])\1{2,}")
_SPACED = re.compile(r"(?<!\S)[^\s*](?: [^\s*]){2,}(?!\S)")
_OVERRIDDEN = re.compile("\u202e([^\u202c\u202d\u2069\n]*)")
_LEET = str.maketrans("0234578@$69", "ozeastbasgg")
_ONES = ("i", "l")
_EDGES = SYMBOLS.replace("@", "").replace("$", "")
_MAX_STEPS = 8
_MAX_LETTERS = 4  # of one character; a few Arabic ligatures stand for a whole sentence


def fold(text: str) -> str:
    """Return `text` in lower-case base letters, with one space between words.

    Idempotent. What is left is letters and digits of any script, `SYMBOLS`, and pictographs, each a
    word of its own; all other characters part words or, where they are invisible, vanish. A letter
    that stands three times or more is left twice.
    """
    return _DRAWN_OUT.sub(r"\1\1", _respell(text))


def plain_words(folded: str) -> list[str]:
    """Return the words of a folded text as they stand; an inner `*` is kept ("n*de")."""
    for symbol in "@$!|":
        folded = folded.replace(symbol, " ")
    return [word for word in (piece.strip("*") for piece in folded.split()) if word]


def readings(text: str) -> list[list[str]]:
    """Return the ways in which a text may be meant, each as its words, without repetitions.

    Letters drawn out ("seeex") may stand once or twice, digits and symbols may stand for letters
    ("s3x"), single letters may be one word ("s e x"; such a word begins with `JOINED`), and text
    behind a right-to-left override is meant backwards. There are at most 24.
    """
    meant = _OVERRIDDEN.sub(lambda match: match[1][::-1], text)
    spelled = _distinct(_respell(version) for version in (text, meant))
    squeezed = _each(
        spelled,
        lambda version: _DRAWN_OUT.sub(r"\1\1", version),
        lambda version: _DRAWN_OUT.sub(r"\1", version),
    )
    joined = _each(squeezed, lambda version: version, _join_spaced)
    found: dict[tuple[str, ...], None] = {}
    for version in joined:
        found[tuple(plain_words(version))] = None
        if _may_be_leet(version):
            for one in _ONES:
                found[tuple(_read_leet(version, one))] = None
    return [list(words) for words in found]


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _each(texts: list[str], *changes: Callable[[str], str]) -> list[str]:
    return _distinct(change(text) for text in texts for change in changes)


def _respell(text: str) -> str:
    return " ".join(text.translate(_SPELLING).split())


def _join_spaced(text: str) -> str:
    return _SPACED.sub(lambda match: JOINED + match[0].replace(" ", ""), text)


def _may_be_leet(text: str) -> bool:
    return any(not character.isalpha() and character not in f" *{JOINED}" for character in text)


def _read_leet(text: str, one: str) -> list[str]:
    """Return the words with letters for digits and symbols; a word without letters stays."""
    ones = str.maketrans("1!|", one * 3)
    return list(_leet_words(text, ones))


def _leet_words(text: str, ones: dict[int, int]) -> Iterator[str]:
    for word in text.split():
        if any(map(str.isalpha, word)):
            meant = word.strip(_EDGES).translate(_LEET).translate(ones)
            yield _DRAWN_OUT.sub(r"\1\1", meant)
        else:
            yield from plain_words(word)


class _Spelling:
    """The table of `str.translate` over all of Unicode, worked out as it is asked for."""

    def __getitem__(self, code: int) -> str:
        return spell_character(chr(code))


_SPELLING = _Spelling()


@functools.lru_cache(maxsize=8192)
def spell_character(character: str) -> str:
    """Return what one character is read as: letters, a space, or nothing."""
    text = character
    for _ in range(_MAX_STEPS):
        last, text = text, _base_letters(text)
        if text == last:
            break
    return "".join(map(_keep, text[:_MAX_LETTERS]))


def _base_letters(text: str) -> str:
    """Take the accents, the case and the foreign alphabet from a text, once."""
    looked_alike = "".join(CONFUSABLES.get(character, character) for character in text)
    parts = unicodedata.normalize("NFKD", looked_alike).casefold()
    return "".join(
        CONFUSABLES.get(part, part)
        for part in unicodedata.normalize("NFKD", parts)
        if not unicodedata.category(part).startswith("M")
    )


def _keep(character: str) -> str:
    if character in SYMBOLS:
        return character
    if character in _APOSTROPHES or character in _INVISIBLE_LETTERS:
        return ""
    if character.isspace() or character in _BLANK_SYMBOLS:
        return " "
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category[0] in "LN":
        return character
    if category in ("Cc", "Cf", "Cs"):
        return ""
    return f" {character} " if category == "So" else " "
