"""Finds many phrases in the words of a text at once, in time proportional to the text.

Works on words as `folding` gives them. A phrase is a row of words; a word also matches with a
plural s, and one that ends with `*` matches every word that begins with it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ninefold.safety.folding import JOINED, fold, plain_words
from ninefold.safety.ordinary_words import ORDINARY

MIN_STEM = 3
"""Fewest letters before a `*`."""

WHOLE = "-other"
"""Ending of the names of groups in other languages: hidden words are laid open in English alone,
where it is known which words make up longer ones."""

_MIN_PIECE = 3
_MAX_GLUED = 60
_MIN_PARTED = 4
_MAX_FRAGMENT = 4
_KEY = str.maketrans("0234578@$691l!|", "ozeastbasggiiii")
_VOWELS = "aeiou"


class Found(NamedTuple):
    """A phrase in a text: words `start` to before `end`."""

    start: int
    end: int
    group: str


class TermIndex:
    """The phrases of named groups, ready to be found."""

    def __init__(self, groups: Mapping[str, Iterable[str]]) -> None:
        """Index the phrases of `groups`; each has to pass `parse_phrase`."""
        self._exact: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        self._stems: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        self._words: set[str] = set()
        for group, phrases in groups.items():
            for phrase in phrases:
                self._add(parse_phrase(phrase), group)
        self._stem_lengths = sorted({len(stem) for stem in self._stems})
        self._longest = max(map(len, self._words), default=0)
        self._by_ones = {_key(word): word for word in sorted(self._words) if word.isalpha()}
        self._masked = {mask: word for word in sorted(self._words) for mask in _masks(word)}

    def find(self, words: list[str]) -> list[Found]:
        """Return every phrase that begins at any word, in the order of the text."""
        beginnings = {word: list(self._beginning_with(word)) for word in set(words)}
        return [
            Found(start, start + 1 + len(rest), group)
            for start, word in enumerate(words)
            for rest, group in beginnings[word]
            if not rest or _follow(rest, words[start + 1 : start + 1 + len(rest)])
        ]

    def expand(self, words: Iterable[str]) -> list[str]:
        """Return the words with hidden ones laid open.

        A masked word is filled in ("n*de"), one that consists of known words is parted
        ("nakedman"), and in one that was put together from spaced letters known words are found.
        """
        words = list(words)
        pieces = {word: self._expand_word(word) for word in set(words)}
        return [piece for word in words for piece in pieces[word]]

    def mend(self, words: list[str]) -> list[str]:
        """Return the words with those in one piece that were parted ("na ked"), if any were."""
        mended, place = [], 0
        while place < len(words):
            size = next((size for size in (2, 3) if self._is_parted(words[place:], size)), 1)
            mended.append("".join(words[place : place + size]))
            place += size
        return mended

    def _is_parted(self, words: list[str], size: int) -> bool:
        parts = words[:size]
        if len(parts) < size or not all(map(str.isalpha, parts)):
            return False
        word = "".join(parts)
        return (
            word in self._words
            and len(word) >= _MIN_PARTED
            and min(map(len, parts)) <= _MAX_FRAGMENT
            and not all(part in ORDINARY or part in self._words for part in parts)
        )

    def _add(self, phrase: tuple[str, ...], group: str) -> None:
        first, rest = phrase[0], phrase[1:]
        is_stem = first.endswith("*")
        table = self._stems if is_stem else self._exact
        table.setdefault(first.removesuffix("*"), []).append((rest, group))
        if group.endswith(WHOLE):
            return
        for word in phrase:
            bare = word.removesuffix("*")
            if len(bare) >= _MIN_PIECE:
                self._words |= {bare} if word.endswith("*") else {bare, f"{bare}s"}

    def _beginning_with(self, word: str) -> Iterator[tuple[tuple[str, ...], str]]:
        yield from self._exact.get(word, ())
        if word.endswith("s"):
            yield from self._exact.get(word[:-1], ())
        for length in self._stem_lengths:
            if length <= len(word):
                yield from self._stems.get(word[:length], ())

    def _expand_word(self, word: str) -> list[str]:
        if word.startswith(JOINED):
            return self._find_pieces(word.removeprefix(JOINED))
        if any(map(str.isdecimal, word)) and not word.isdecimal():
            known = self._by_ones.get(_key(word))
            if known:
                return [known]
        if "*" in word:
            meant = self._masked.get(word)
            return [meant] if meant else word.replace("*", " ").split()
        if 2 * _MIN_PIECE <= len(word) <= _MAX_GLUED and word not in self._words:
            return self._part(word) or [word]
        return [word]

    def _find_pieces(self, text: str) -> list[str]:
        """Return the known words in a text without spaces, and what lies between them."""
        if text in self._words:
            return [text]
        pieces, start, begun = [], 0, 0
        while start < len(text):
            piece = self._longest_at(text, start)
            if not piece:
                start += 1
                continue
            pieces += [text[begun:start], piece]
            start = begun = start + len(piece)
        return [piece for piece in (*pieces, text[begun:]) if piece]

    def _longest_at(self, text: str, start: int) -> str:
        for length in range(self._longest, _MIN_PIECE - 1, -1):
            piece = text[start : start + length]
            if len(piece) == length and piece in self._words:
                return piece
        return ""

    def _part(self, word: str) -> list[str] | None:
        """Return known words that make up `word` without a rest, or None."""
        ways: list[list[str] | None] = [[], *[None] * len(word)]
        for start in range(len(word) - _MIN_PIECE + 1):
            way = ways[start]
            if way is None:
                continue
            for end in range(start + _MIN_PIECE, min(len(word), start + self._longest) + 1):
                if ways[end] is None and word[start:end] in self._words:
                    ways[end] = [*way, word[start:end]]
        return ways[-1]


def parse_phrase(phrase: str) -> tuple[str, ...]:
    """Return the words of a phrase, folded; a word that ends with `*` is a stem.

    Raises:
        ValueError: nothing is left of it, or a stem is shorter than `MIN_STEM` letters.
    """
    words: list[str] = []
    for written in phrase.split():
        folded = plain_words(fold(written))
        if folded and written.endswith("*"):
            folded[-1] += "*"
        words += folded
    if not words:
        raise ValueError("it has no letters or digits")
    for word in words:
        if word.endswith("*") and len(word) <= MIN_STEM:
            raise ValueError(f"at least {MIN_STEM} letters have to stand before a *")
    return tuple(words)


def _key(word: str) -> str:
    """Return a word with letters for digits, where 1, i and l are the same."""
    return word.translate(_KEY)


def _follow(rest: tuple[str, ...], words: list[str]) -> bool:
    return len(rest) == len(words) and all(map(_matches, rest, words))


def _matches(pattern: str, word: str) -> bool:
    if pattern.endswith("*"):
        return word.startswith(pattern[:-1])
    return word in (pattern, f"{pattern}s")


def _masks(word: str) -> set[str]:
    """Return a word with stars for one vowel, all vowels, or all but its ends."""
    masks = {
        word[:at] + "*" + word[at + 1 :] for at, letter in enumerate(word) if letter in _VOWELS
    }
    masks.add("".join("*" if letter in _VOWELS else letter for letter in word))
    masks.add(f"{word[0]}{'*' * (len(word) - 2)}{word[-1]}")
    return {mask for mask in masks if not mask.startswith("*") and not mask.endswith("*")}
