"""What each network of a model reads of a prompt: normalised as it was trained, then encoded.

Wires normaliser and tokenizers of one model's folder. Knows nothing of networks: sizes come in as
numbers, token ids go out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from ninefold.errors import CheckpointError
from ninefold.text.clip_tokenizer import ClipTokenizer
from ninefold.text.encoded import EncodedText
from ninefold.text.min_dalle import MinDalleTokenizer
from ninefold.text.normalize import TextNormalizer
from ninefold.text.things import (
    MAX_THINGS,
    NUM_BANDS,
    THINGS_FILE,
    ThingTable,
)
from ninefold.text.tokenizer import TextTokenizer

CLIP_TOKENIZER_FILE = "clip_tokenizer.json"

_MAX_LISTED = 8
_MAX_LISTED_LENGTH = 40
"""Phrases that a notice names, and letters of each: a prompt may be a hundred thousand letters."""
_NUM_SPECIAL = 2  # <s> and </s>, which every text has


@dataclass(frozen=True)
class ReadPrompt:
    """A prompt as the transformer reads it."""

    versions: tuple[EncodedText, ...]
    """The prompt in each version that pictures are drawn by (`generation.generate.TextInput`)."""
    unconditional: EncodedText
    """The empty or the negative text."""
    notices: tuple[str, ...]
    """What a person should know, one sentence each."""

    @property
    def prompt(self) -> EncodedText:
        """The first version."""
        return self.versions[0]


class PromptReader:
    """Reads prompts for the transformer of one model.

    Args:
        folder: of the model, with its tokenizer and, perhaps, its word list.
        max_length: text length of the model.
        vocab_size: rows of its text embedding.
        has_normalizer: whether its captions were normalised.

    Raises:
        CheckpointError: tokenizer or table of things is missing, damaged or of another model.
    """

    def __init__(
        self, folder: Path, max_length: int, vocab_size: int, *, has_normalizer: bool
    ) -> None:
        self._normalizer = TextNormalizer.from_folder(folder) if has_normalizer else None
        self._tokenizer = TextTokenizer.from_folder(folder, max_length, vocab_size)
        self.table = ThingTable.from_folder(folder)
        if self.table is not None:
            _check_table(self.table, self._tokenizer.num_entries, max_length, vocab_size)
        self._from_folder = (folder, max_length, vocab_size)

    @cached_property
    def _min_dalle(self) -> MinDalleTokenizer:
        return MinDalleTokenizer.from_folder(*self._from_folder)

    def normalize(self, text: str) -> str:
        """Return `text` as the model's captions were written."""
        return text if self._normalizer is None else self._normalizer(text)

    def read(
        self,
        prompt: str,
        negative_prompt: str = "",
        dialect: Literal["dalle-mini", "min-dalle"] = "dalle-mini",
    ) -> ReadPrompt:
        """Encode a prompt and what guidance leads away from.

        Args:
            prompt: as a person gave it.
            negative_prompt: empty for the unconditional text, which is never normalised.
            dialect: whose rules to read by.

        Raises:
            CheckpointError: the model's word list or vocabulary is damaged.
        """
        versions, notices = self._encode(prompt, dialect, "prompt")
        if not negative_prompt:
            if dialect == "min-dalle":
                unconditional = self._min_dalle.encode_unconditional(versions[0])
            else:
                unconditional = self._tokenizer.encode_unconditional()
            return ReadPrompt(versions, unconditional, notices)
        negative, more = self._encode(negative_prompt, dialect, "negative prompt")
        return ReadPrompt(versions, negative[0], notices + more)

    def _encode(
        self, text: str, dialect: str, name: str
    ) -> tuple[tuple[EncodedText, ...], tuple[str, ...]]:
        if self.table is not None:
            return self._encode_things(self.table, text, name)
        if dialect == "min-dalle":
            encoded = self._min_dalle.encode(text)
            is_blank = encoded.num_tokens == _NUM_SPECIAL
        else:
            # Normalisation leaves one space of a text without words, a token as any other.
            normalized = self.normalize(text)
            encoded = self._tokenizer.encode(normalized)
            is_blank = not normalized.strip()
        if is_blank:
            notice = f"The model finds no words in the {name}; try others."
        elif encoded.was_truncated:
            notice = _tell_truncated(encoded, name)
        else:
            return (encoded,), ()
        return (encoded,), (notice,)

    def _encode_things(
        self, table: ThingTable, text: str, name: str
    ) -> tuple[tuple[EncodedText, ...], tuple[str, ...]]:
        """Encode a text by the things in it and the words between them."""
        read = table.read(self.normalize(text))
        versions = tuple(
            self._tokenizer.encode_things(version, table) for version in table.versions(read)
        )
        if not read.things:
            unknown = f" (it does not know {_listed(read.unknown)})" if read.unknown else ""
            return versions, (
                f"The model finds nothing in the {name} that it can draw{unknown}; "
                "name a thing, such as an animal, food or a vehicle.",
            )
        notices = [
            f"\u201c{phrase}\u201d is read as \u201c{label}\u201d."
            for phrase, label in zip(
                read.named, (table.things[t].label for t in read.things), strict=True
            )
            if not set(phrase.split()) & set(label.split())
        ]
        if read.spare:
            notices.append(
                f"The model draws {len(read.things)} things at most: it left out "
                f"{_listed(read.spare)}."
            )
        if read.idle:
            notices.append(
                f"The model has not this colour for a thing, or not beside a style: it left out "
                f"{_listed(read.idle)}."
            )
        if read.elsewhere:
            notices.append(
                f"The model draws one place at a time: it left out {_listed(read.elsewhere)}."
            )
        if read.unknown:
            notices.append(f"The model does not know {_listed(read.unknown)}: left out.")
        if versions[0].was_truncated:
            notices.append(_tell_truncated(versions[0], name))
        return versions, tuple(notices)


def _check_table(table: ThingTable, num_entries: int, max_length: int, vocab_size: int) -> None:
    num_places = MAX_THINGS * NUM_BANDS
    num_ids = num_entries + num_places * table.num_sketches * table.sketch_length
    longest = num_places * table.sketch_length + _NUM_SPECIAL
    if num_ids != vocab_size or longest > max_length:
        raise CheckpointError(
            f"{THINGS_FILE} is of another model: its {table.num_sketches:,} sketches of "
            f"{table.sketch_length} entries do not fit a text embedding of {vocab_size:,} ids and "
            f"texts of {max_length} tokens; pull or install the model again."
        )


def _tell_truncated(encoded: EncodedText, name: str) -> str:
    return (
        f"The {name} has {encoded.num_tokens:,} tokens, but the model reads only "
        f"{len(encoded.ids)}: its end was left out."
    )


def _listed(phrases: Sequence[str]) -> str:
    """Return phrases in quotation marks, each once; of many or long ones the beginning."""
    different = list(dict.fromkeys(phrases))
    shown = [f"\u201c{_beginning(phrase)}\u201d" for phrase in different[:_MAX_LISTED]]
    if len(different) > _MAX_LISTED:
        shown.append(f"{len(different) - _MAX_LISTED:,} more")
    return ", ".join(shown)


def _beginning(phrase: str) -> str:
    is_short = len(phrase) <= _MAX_LISTED_LENGTH
    return phrase if is_short else f"{phrase[:_MAX_LISTED_LENGTH]}\u2026"


class ClipReader:
    """Reads prompts for the CLIP of one model.

    Published CLIPs read a prompt as it was typed, by a tokenizer of their own; one that was trained
    here reads what the transformer reads.

    Args:
        folder: of the model.
        max_length: longest text of its CLIP, in ids.
        vocab_size: rows of its text embedding.
        prompts: gives the normalisation, where the CLIP has no tokenizer of its own.

    Raises:
        CheckpointError: the tokenizer is missing or damaged.
    """

    def __init__(
        self, folder: Path, max_length: int, vocab_size: int, prompts: PromptReader
    ) -> None:
        path = folder / CLIP_TOKENIZER_FILE
        self._prompts = prompts
        self._tokenizer: ClipTokenizer | TextTokenizer
        if path.is_file():
            self._tokenizer = ClipTokenizer.from_file(path, max_length)
        else:
            self._tokenizer = TextTokenizer.from_folder(folder, max_length, vocab_size)

    def read(self, prompt: str) -> EncodedText:
        """Encode a prompt, as a person gave it."""
        if isinstance(self._tokenizer, ClipTokenizer):
            return self._tokenizer.encode(prompt)
        table = self._prompts.table
        if table is not None:
            read = table.read(self._prompts.normalize(prompt))
            return self._tokenizer.encode_named(read.text, read.things)
        return self._tokenizer.encode(self._prompts.normalize(prompt))
