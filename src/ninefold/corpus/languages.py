"""Names of things in other languages, from the same tables as the English ones (Unicode CLDR).

A name counts where the normaliser of prompts makes one word of ASCII letters of it ("león" leon,
"кошка" koshka, "りんご" ringo): that is what a model reads of such a prompt. Names of several words
are left out, and where two languages have the same word, the one that more people write has it.
"""

import json
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from ninefold.corpus.emoji import Emoji
from ninefold.corpus.lexicon import LANGUAGE_WAY, Entry
from ninefold.errors import CheckpointError

LANGUAGES = ("es", "pt", "fr", "de", "it", "ru", "ja", "ko", "zh", "hi")
"""Of the tables of Emojibase, those with the most readers, in the order in which words are given;
English is not among them."""
MIN_LETTERS = 3


def foreign_names(
    folder: Path,
    emoji: Sequence[Emoji],
    normalize: Callable[[str], str],
    known: Collection[str],
) -> list[Entry]:
    """Return the names that other languages have for emoji.

    Args:
        folder: an unpacked `emojibase-data` package.
        emoji: of the corpus.
        normalize: makes of a prompt what a model reads.
        known: words that mean something already, which stay as they are.

    Raises:
        CheckpointError: the package lacks a table.
    """
    labels = {item.hexcode: item.label for item in emoji}
    found: dict[str, Entry] = {}
    for language in LANGUAGES:
        for record in _read_table(folder / "package" / language / "data.json"):
            label = labels.get(record["hexcode"])
            word = normalize(record["label"]).strip()
            is_word = word.isascii() and word.isalpha() and len(word) >= MIN_LETTERS
            if label is not None and is_word and word not in known and word not in found:
                found[word] = Entry(word, label, f"{LANGUAGE_WAY}{language}", 1.0)
    return list(found.values())


def _read_table(path: Path) -> list[dict[str, str]]:
    try:
        table: list[dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} is missing or damaged; remove the folder of its package and build again."
        ) from error
    return table
