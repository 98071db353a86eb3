"""The tokenizer of published CLIP checkpoints: lower-case byte-level BPE, as their tokenizer.json.

Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision"
(2021), section 2.4, and github.com/openai/CLIP. Texts are taken as a person wrote them; the caption
normaliser of DALL·E Mini is not applied. Pocket's CLIP reads the ids of `TextTokenizer` instead.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from tokenizers import Tokenizer
from torch import Tensor

from ninefold.errors import CheckpointError

START = "<|startoftext|>"
END = "<|endoftext|>"


class ClipTokenizer:
    """Texts to ids, each framed by start and end of text and padded with the latter."""

    def __init__(self, tokenizer: Tokenizer, max_length: int = 77) -> None:
        """`tokenizer` adds start and end itself; its truncation and padding are set here.

        Raises:
            ValueError: the tokenizer has no start or end of text, or does not add them.
        """
        start, end = (tokenizer.token_to_id(token) for token in (START, END))
        if start is None or end is None:
            raise ValueError(f"it lacks {START} or {END}")
        tokenizer.no_truncation()
        tokenizer.no_padding()
        if tokenizer.encode("").ids != [start, end]:
            raise ValueError(f"it does not put {START} and {END} around a text")
        tokenizer.enable_truncation(max_length)
        tokenizer.enable_padding(length=max_length, pad_id=end, pad_token=END)
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

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Encode texts.

        Returns:
            ids (B, max_length) int64, and a mask of the same shape, bool, False for padding.
        """
        encodings = self._tokenizer.encode_batch(list(texts))
        shape = (len(encodings), self.max_length)
        ids = torch.tensor([encoding.ids for encoding in encodings], dtype=torch.int64)
        mask = torch.tensor([encoding.attention_mask for encoding in encodings], dtype=torch.bool)
        return ids.reshape(shape), mask.reshape(shape)
