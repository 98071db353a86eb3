"""Hashtags to words: `sunsetlake` to `sunset lake`.

Two ways. `WordSplitter` is that of the published models: the cheapest sequence of known words,
where a word costs the logarithm of its rank in a list by frequency (Zipf's law; the method of the
`wordninja` package), with the list that is published beside those models. `split_at_boundaries`
is what there is without the list. Neither knows what a hashtag looks like; `normalize` does.
"""

import math
import re
from functools import cached_property
from pathlib import Path

from ninefold.errors import CheckpointError
from ninefold.file_kinds import refuse_lfs_pointer

WORD_FREQUENCY_FILE = "enwiki-words-frequency.txt"
"""Name of the published list: one `word count` a line, the commonest word first."""

_SEPARATORS = re.compile(r"[^a-zA-Z0-9']+")
_BOUNDARY = re.compile(
    r"(?<=[a-z])(?=[A-Z])"  # sunset|Lake
    r"|(?<=[A-Z])(?=[A-Z][a-z])"  # NASA|Launch
    r"|(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])"  # cat|123
)


def split_at_boundaries(tag: str) -> list[str]:
    """Cut `tag` at underscores, where lower case meets upper case, and where letters meet digits.

    `SunsetLake2020` gives `Sunset`, `Lake`, `2020`; `sunsetlake` stays whole, for without a word
    list nothing tells where it parts.
    """
    return [word for part in tag.split("_") for word in _BOUNDARY.split(part) if word]


class WordSplitter:
    """Splits run-together words by dynamic programming over a word-frequency list.

    The list is read at the first split: the published one has 34 MB, and few prompts have a tag.

    Args:
        path: The list.

    Raises:
        CheckpointError: There is no such file.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise CheckpointError(
                f"The word list {path} is missing; pull the model again or leave the list out."
            )
        self._path = path

    def split(self, tag: str) -> list[str]:
        """Split `tag` into words; what the list does not know comes out letter by letter.

        Takes O(n · m) look-ups for n characters and a longest listed word of m.

        Raises:
            CheckpointError: The list is empty or is not text.
        """
        return [word for part in _SEPARATORS.split(tag) for word in self._split_part(part)]

    def _split_part(self, part: str) -> list[str]:
        # Each word as its pieces, all from the last: joining at every step would be quadratic.
        words: list[list[str]] = []
        end = len(part)
        lengths = self._last_word_lengths(part.lower())
        while end > 0:
            word = part[end - lengths[end] : end]
            end -= len(word)
            if words and _belongs_together(word, words[-1]):
                words[-1].append(word)
            else:
                words.append([word])
        return ["".join(reversed(pieces)) for pieces in reversed(words)]

    def _last_word_lengths(self, part: str) -> list[int]:
        """For each prefix of `part`, the length of the last word of its cheapest split."""
        costs, best_lengths = [0.0], [0]
        word_costs, lengths = self._costs, self._lengths
        for end in range(1, len(part) + 1):
            # One letter of unknown cost is the fallback, and the shorter word wins a tie.
            best, best_length = math.inf, 1
            for length in lengths:
                if length > end:
                    break
                word_cost = word_costs.get(part[end - length : end])
                if word_cost is not None and costs[end - length] + word_cost < best:
                    best, best_length = costs[end - length] + word_cost, length
            costs.append(best)
            best_lengths.append(best_length)
        return best_lengths

    @cached_property
    def _costs(self) -> dict[str, float]:
        """Cost of each word: ln(rank + 1), the commonest word having rank 0."""
        refuse_lfs_pointer(self._path)
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(
                f"The word list {self._path} cannot be read; pull the model again."
            ) from error
        words = [line.split()[0] for line in lines if line.strip()]
        if not words:
            raise CheckpointError(f"The word list {self._path} is empty; pull the model again.")
        return {word: math.log(rank + 1) for rank, word in enumerate(words)}

    @cached_property
    def _lengths(self) -> list[int]:
        return sorted({len(word) for word in self._costs})


def _belongs_together(word: str, following: list[str]) -> bool:
    """Whether the split parted a possessive from its noun, or a number in the middle.

    `following` are the pieces of the word behind it, from the last.
    """
    return following == ["'s"] or (word[-1].isdigit() and following[-1][0].isdigit())
