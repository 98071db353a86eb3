"""Texts to token ids as DALL·E Mini reads them.

Byte-level byte-pair encoding on the `tokenizers` library, with the ids of Hugging Face's
BartTokenizerFast, which the published models use. A text becomes `<s> … </s>` and padding. Knows
nothing of normalisation: a model that wants it gets its texts from `normalize`.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Self

from tokenizers import Tokenizer

from ninefold.text.bpe import read_tokenizer
from ninefold.text.encoded import BOS_ID, EOS_ID, EncodedText, TokenRow
from ninefold.text.things import SLOTS, ThingTable, Version


class TextTokenizer:
    """Encodes texts for a model.

    Args:
        tokenizer: Encodes a text without special tokens.
        row: Text length and embedding rows of the model.
    """

    def __init__(self, tokenizer: Tokenizer, row: TokenRow) -> None:
        self._tokenizer = tokenizer
        self._row = row

    @classmethod
    def from_folder(cls, folder: Path, max_length: int = 64, vocab_size: int | None = None) -> Self:
        """Read `tokenizer.json`, or `vocab.json` and `merges.txt`, from a model's folder.

        Args:
            folder: The folder.
            max_length: Text length of the model.
            vocab_size: Rows of its text embedding; ids from there on become `<unk>`.

        Raises:
            CheckpointError: The files are missing, damaged or of another kind of model.
            ValueError: `max_length` or `vocab_size` is too small for the special tokens.
        """
        return cls(read_tokenizer(folder), TokenRow(max_length, vocab_size))

    def encode(self, text: str) -> EncodedText:
        """Encode one text. A text that is too long loses its end but keeps `</s>`."""
        words = self._tokenizer.encode(_well_formed(text), add_special_tokens=False).ids
        kept = words[: self._row.max_length - 2]
        return self._row.fill([BOS_ID, *kept, EOS_ID], num_tokens=len(words) + 2)

    @property
    def num_entries(self) -> int:
        """Entries of the tokenizer; those of a model's sketches come after them."""
        return int(self._tokenizer.get_vocab_size())

    def encode_things(self, version: Version, table: ThingTable) -> EncodedText:
        """Encode a version of a text behind the sketches of its things.

        A thing that looks the same above and below the horizon is shown once.

        Args:
            version: Its things are `text.things.SLOTS`.
            table: What they are counted by; ids are those of `models.sketches`.
        """
        first, length = self.num_entries, table.sketch_length
        entries = [
            first + (place * table.num_sketches + design * table.num_looks + look) * length + entry
            for thing, (design, looks) in enumerate(version.shown)
            for place, look in enumerate(dict.fromkeys(looks), len(looks) * thing)
            for entry in range(length)
        ]
        words = self._words(version.text, {})
        kept = words[: self._row.max_length - 2 - len(entries)]
        num_tokens = len(entries) + len(words) + 2
        return self._row.fill([BOS_ID, *entries, *kept, EOS_ID], num_tokens=num_tokens)

    def encode_named(self, text: str, things: Sequence[int]) -> EncodedText:
        """Encode a text with one entry for each thing, after the entries of the tokenizer.

        Args:
            text: Its things as `text.things.SLOTS`.
            things: Their numbers.
        """
        entries = {slot: [self.num_entries + t] for slot, t in zip(SLOTS, things, strict=False)}
        words = self._words(text, entries)
        kept = words[: self._row.max_length - 2]
        return self._row.fill([BOS_ID, *kept, EOS_ID], num_tokens=len(words) + 2)

    def _words(self, text: str, known: Mapping[str, list[int]]) -> list[int]:
        """Ids of a text word by word; a word that a long text repeats is looked up once."""
        words = text.split()
        encode = partial(self._tokenizer.encode, add_special_tokens=False)
        ids = {word: encode(f" {word}").ids for word in set(words)} | dict(known)
        return [token for word in words for token in ids[word]]

    def encode_unconditional(self) -> EncodedText:
        """Encode the empty prompt that guidance leads away from: `<s> </s>` and padding.

        It is not the encoding of a normalised empty text, which holds a space.
        """
        return self._row.fill([BOS_ID, EOS_ID], num_tokens=2)

    def to_json(self) -> str:
        """Give the content of a `tokenizer.json` that encodes as this does."""
        return str(self._tokenizer.to_str())


def _well_formed(text: str) -> str:
    # Lone surrogates have no UTF-8 and would raise in the library.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
