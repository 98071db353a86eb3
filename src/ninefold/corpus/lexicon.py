"""Which picture a word means: a lexicon from names, WordNet and neighbourhood in meaning.

In this order, the first that answers: the word is a name or keyword of an emoji; WordNet says that
it is a kind of something that is; it lies near enough to one in a sentence encoder's space. Words
of none of these mean nothing and get no picture. Knows nothing of captions or training.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ninefold.atomic_file import atomic_write
from ninefold.corpus.captions import names_of
from ninefold.corpus.emoji import Emoji
from ninefold.corpus.holdout import is_held_out
from ninefold.corpus.wordnet import Nouns

Encode = Callable[[Sequence[str]], NDArray[np.float32]]

LEXICON_FILE = "lexicon.jsonl"
"""In the folder of a corpus."""
LANGUAGE_WAY = "name in "
"""How the way of an entry of another language begins."""
MAX_STEPS = 3
"""Kinds of kinds of kinds: further up everything is an object."""
MIN_LIKENESS = 0.45
"""Lowest product of two vectors that counts as near. Below about 0.42 neighbours are nonsense."""
NUM_WORDS = 40_000
"""Commonest English words that are looked up."""


@dataclass(frozen=True)
class Entry:
    """A word and the emoji that shows what it means."""

    word: str
    label: str
    way: str
    """`name`, `keyword`, `kind` or `near`; or `name in` a language, by its code."""
    likeness: float
    """1 for names and keywords; for kinds 1 less a tenth a step; else the vectors' product."""

    @property
    def is_foreign(self) -> bool:
        """Whether the word is of another language than English."""
        return self.way.startswith(LANGUAGE_WAY)

    @property
    def is_unread(self) -> bool:
        """Whether no caption has the word. A held-out keyword of an emoji is read nevertheless."""
        is_guessed = self.way in ("kind", "near")
        return self.is_foreign or (is_guessed and is_held_out("word", self.word))

    @property
    def meaning(self) -> str:
        """What a sentence encoder is asked for: the word, or its thing where it is unread."""
        return self.label.removesuffix(" face") if self.is_unread else self.word


def build_lexicon(
    words: Sequence[str], emoji: Sequence[Emoji], nouns: Nouns, encode: Encode
) -> list[Entry]:
    """Look every word up; words that mean nothing are left out."""
    names = {name: item.label for item in reversed(emoji) for name in names_of(item.label)}
    keywords = _keywords(emoji, encode)
    found: dict[str, Entry] = {}
    for word in words:
        entry = _by_name(word, names, keywords) or _by_kind(word, nouns, names, keywords)
        if entry:
            found[word] = entry
    rest = [word for word in words if word not in found]
    for entry in _by_nearness(rest, emoji, encode):
        found[entry.word] = entry
    return [found[word] for word in words if word in found]


def common_words() -> list[str]:
    """Return the `NUM_WORDS` commonest English words of three letters or more, without digits."""
    from wordfreq import top_n_list

    listed = top_n_list("en", 2 * NUM_WORDS, wordlist="large")
    plain = [word for word in listed if word.isascii() and word.isalpha() and len(word) > 2]
    return plain[:NUM_WORDS]


def write_lexicon(entries: Iterable[Entry], path: Path) -> None:
    """Write one line of JSON for each entry."""
    with atomic_write(path) as file:
        file.writelines((json.dumps(asdict(entry)) + "\n").encode() for entry in entries)


def read_lexicon(path: Path) -> list[Entry]:
    """Read what `write_lexicon` wrote."""
    with path.open(encoding="utf-8") as lines:
        return [Entry(**json.loads(line)) for line in lines]


def _keywords(emoji: Sequence[Emoji], encode: Encode) -> dict[str, str]:
    """Keyword to the emoji whose name is nearest to it in meaning, of those that have it."""
    owners: dict[str, list[int]] = {}
    for number, item in enumerate(emoji):
        for tag in item.tags:
            owners.setdefault(tag, []).append(number)
    of_names = encode([item.label for item in emoji])
    of_tags = encode(list(owners))
    best = {}
    for (tag, numbers), vector in zip(owners.items(), of_tags, strict=True):
        best[tag] = emoji[numbers[int((of_names[numbers] @ vector).argmax())]].label
    return best


def _by_name(word: str, names: Mapping[str, str], keywords: Mapping[str, str]) -> Entry | None:
    singular = word.removesuffix("s") if len(word) > 3 else word
    for spelling in (word, singular):
        if spelling in names:
            return Entry(word, names[spelling], "name", 1.0)
        if spelling in keywords:
            return Entry(word, keywords[spelling], "keyword", 1.0)
    return None


def _by_kind(
    word: str, nouns: Nouns, names: Mapping[str, str], keywords: Mapping[str, str]
) -> Entry | None:
    singular = word.removesuffix("s")
    spelling = word if word in nouns else singular
    for steps, kind in nouns.kinds_of(spelling, MAX_STEPS):
        label = names.get(kind) or (keywords.get(kind) if steps < 2 else None)
        if label:
            return Entry(word, label, "kind", 1 - steps / 10)
    return None


def _by_nearness(words: Sequence[str], emoji: Sequence[Emoji], encode: Encode) -> list[Entry]:
    if not words:
        return []
    names = encode([item.label for item in emoji])
    described = encode([f"{item.label}: {', '.join(item.tags)}" for item in emoji])
    vectors = encode(words)
    likeness = np.maximum(vectors @ names.T, vectors @ described.T)
    nearest = likeness.argmax(1)
    entries = []
    for word, number, row in zip(words, nearest, likeness, strict=True):
        if row[number] >= MIN_LIKENESS:
            value = round(float(row[number]), 3)
            entries.append(Entry(word, emoji[int(number)].label, "near", value))
    return entries
