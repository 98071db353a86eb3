"""Text as a reader sees it: without case, accents, look-alikes, invisible characters and tricks.

`fold` undoes what is never meant (invisible characters, other alphabets' look-alikes); `readings`
gives every way in which digits, spaced letters and drawn-out letters may be meant. Both take any
string and need time in proportion to its length. Scripts that put no spaces between words (Chinese,
Japanese, Thai), and Korean, whose words take endings, are read a character at a time: there every
row of characters is a row of words. Knows nothing of what is looked for in the text.
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
_INVISIBLE_LETTERS = frozenset("\u0640\u115f\u1160\u3164\uffa0")
_BLANK_SYMBOLS = frozenset("\u2800")
_DRAWN_OUT = re.compile(r"([^\W\d_])\1{2,}")
_SPACED = re.compile(r"(?<!\S)[^\s*](?: [^\s*]){2,}(?!\S)")
_OVERRIDDEN = re.compile("\u202e([^\u202c\u202d\u2069\n]*)")
_LEET = str.maketrans("0234578@$69", "ozeastbasgg")
_ONES = ("i", "l")
_EDGES = SYMBOLS.replace("@", "").replace("$", "")
_UNSPACED = re.compile(
    "[\u0e01-\u0e3a\u0e40-\u0e4d"  # Thai
    "\u1100-\u11ff\uac00-\ud7a3"  # Korean
    "\u3005-\u3007\u3041-\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"  # Japanese
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]"  # Chinese characters
)
"""Letters that are words of their own here."""

_VOWEL_SIGNS = re.compile(
    "[\u0900-\u0903\u093a\u093b\u093e-\u094f\u0955-\u0957\u0962\u0963"  # Devanagari
    "\u0980-\u0983\u09be-\u09cd\u09d7\u09e2\u09e3"  # Bengali
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"  # Thai, tones as well
    "\u3099\u309a]"  # Japanese, the marks of voiced sounds
)
"""Marks without which another word stands there; accents of other scripts are taken away."""

_SAME = {
    # Arabic letters as Persian and Urdu write them, and those that are put for each other.
    **dict.fromkeys("\u0649\u06cc\u06d2", "\u064a"),
    **dict.fromkeys("\u0629\u06c1\u06c3\u06be\u06d5", "\u0647"),
    "\u06a9": "\u0643",
    "\u0671": "\u0627",
    # One sign of nasal vowels for the other.
    "\u0901": "\u0902",
    "\u0981": "\u0982",
}
_MASKED_LETTER = re.compile(r"(?<=[A-Za-z])(?:[^\w\s'`´‘’‛ʼ＇]|_)(?=[A-Za-z])")
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
    words = (piece.strip("*") for piece in folded.split())
    return [part for word in words if word for part in _split_unspaced(word)]


def masked_words(text: str) -> list[str]:
    """Return the words of a text in which a sign inside a word stands for a letter ("n#de").

    Such a sign is a `*` then; empty where there is none.
    """
    masked = _MASKED_LETTER.sub("*", text)
    return plain_words(fold(masked)) if masked != text else []


def _split_unspaced(word: str) -> list[str]:
    if word.isascii() or word.startswith(JOINED):
        return [word]
    return _UNSPACED.sub(r" \g<0> ", word).split()


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
    # Composed again: Korean syllables, and Japanese letters with their marks.
    return " ".join(unicodedata.normalize("NFC", text.translate(_SPELLING)).split())


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
            yield from _split_unspaced(_DRAWN_OUT.sub(r"\1\1", meant))
        else:
            yield from plain_words(word)


_TABLE = {**CONFUSABLES, **_SAME}


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
    looked_alike = "".join(_TABLE.get(character, character) for character in text)
    parts = unicodedata.normalize("NFKD", looked_alike).casefold()
    return "".join(
        _TABLE.get(part, part)
        for part in unicodedata.normalize("NFKD", parts)
        if not unicodedata.category(part).startswith("M") or _VOWEL_SIGNS.match(part)
    )


def _keep(character: str) -> str:
    if character in SYMBOLS:
        return character
    if _VOWEL_SIGNS.match(character):
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
