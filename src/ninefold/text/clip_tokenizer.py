"""The tokenizer of published CLIP checkpoints: lower-case byte-level BPE, as their tokenizer.json.

Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision"
(2021), section 2.4, and github.com/openai/CLIP. Texts are taken as a person wrote them; the caption
normaliser of DALL·E Mini is not applied. Pocket's CLIP reads the ids of `TextTokenizer` instead.
"""

from pathlib import Path
from typing import Self

from tokenizers import Tokenizer

from ninefold.errors import CheckpointError
from ninefold.text.encoded import EncodedText

START = "<|startoftext|>"
END = "<|endoftext|>"


class ClipTokenizer:
    """Encodes texts, each framed by start and end of text and padded with the latter."""

    def __init__(self, tokenizer: Tokenizer, max_length: int = 77) -> None:
        """Wrap a tokenizer that itself puts start and end around a text.

        Raises:
            ValueError: it does not, or `max_length` has no room for both.
        """
        start, end = (tokenizer.token_to_id(token) for token in (START, END))
        if start is None or end is None:
            raise ValueError(f"it lacks {START} or {END}")
        tokenizer.no_truncation()
        tokenizer.no_padding()
        if tokenizer.encode("").ids != [start, end]:
            raise ValueError(f"it does not put {START} and {END} around a text")
        if max_length < 2:
            raise ValueError(f"max_length={max_length} must be at least 2, for {START} and {END}")
        self._tokenizer = tokenizer
        self.max_length = max_length
        self.eos_token_id: int = end

    @classmethod
    def from_file(cls, path: Path, max_length: int = 77) -> Self:
        """Read a tokenizer.json.

        Args:
            path: the file.
            max_length: ids of a text with its start and end; longer texts are cut before the end.

        Raises:
            CheckpointError: the file is missing, damaged, or not of a CLIP.
        """
        try:
            return cls(Tokenizer.from_str(path.read_text(encoding="utf-8")), max_length)
        except Exception as error:  # the library raises bare Exception for a bad file
            raise CheckpointError(
                f"{path} is not the tokenizer of a CLIP ({error}); fetch the model's files again."
            ) from None

    def encode(self, text: str) -> EncodedText:
        """Encode one text. A text that is too long loses its end but keeps the end of text."""
        # Lone surrogates have no UTF-8 and would raise in the library.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        ids = self._tokenizer.encode(text).ids
        kept = [*ids[:-1][: self.max_length - 1], self.eos_token_id]
        num_padding = self.max_length - len(kept)
        return EncodedText(
            ids=(*kept, *[self.eos_token_id] * num_padding),
            mask=(True,) * len(kept) + (False,) * num_padding,
            num_tokens=len(ids),
        )
