"""Texts to token ids as DALL·E Mini reads them.

Byte-level byte-pair encoding on the `tokenizers` library, with the ids of Hugging Face's
BartTokenizerFast, which the published models use. A text becomes `<s> … </s>` and padding. Knows
nothing of normalisation: a model that wants it gets its texts from `normalize`.
"""

from pathlib import Path
from typing import Self

from tokenizers import Tokenizer

from ninefold.text.bpe import read_tokenizer
from ninefold.text.encoded import BOS_ID, EOS_ID, EncodedText, TokenRow


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
