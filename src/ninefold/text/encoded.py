"""The row of token ids that a text encoder reads: special ids, padding, truncation, the id guard.

Knows nothing of how a text becomes tokens. The special ids are those of the published models.
"""

from collections.abc import Sequence
from dataclasses import dataclass

BOS_ID, PAD_ID, EOS_ID, UNK_ID = 0, 1, 2, 3
SPECIAL_TOKENS = {"<s>": BOS_ID, "<pad>": PAD_ID, "</s>": EOS_ID, "<unk>": UNK_ID}


@dataclass(frozen=True)
class EncodedText:
    """One text as a text encoder reads it. T is the model's text length."""

    ids: tuple[int, ...]
    """(T,) token ids, padded with `PAD_ID`."""
    mask: tuple[bool, ...]
    """(T,) true where there is a token, false where there is padding."""
    num_tokens: int
    """Tokens of the whole text, special ones counted, before it was truncated."""

    @property
    def was_truncated(self) -> bool:
        """Whether the end of the text did not fit."""
        return self.num_tokens > len(self.ids)


@dataclass(frozen=True)
class TokenRow:
    """The shape of the rows that one model reads."""

    max_length: int = 64
    """Positions of the text encoder."""
    vocab_size: int | None = None
    """Rows of the text embedding, where it may have fewer than the tokenizer has tokens."""

    def __post_init__(self) -> None:
        if self.max_length < 2:
            raise ValueError(f"max_length={self.max_length} must be at least 2, for <s> and </s>.")
        if self.vocab_size is not None and self.vocab_size <= UNK_ID:
            raise ValueError(f"vocab_size={self.vocab_size} must be above {UNK_ID}, the <unk> id.")

    def fill(self, tokens: Sequence[int], num_tokens: int) -> EncodedText:
        """Pad at most `max_length` tokens of a text that had `num_tokens`.

        An id beyond the embedding becomes `<unk>`: the published mini has 50,264 rows for 50,265
        tokens. A clamped id would put another word into the prompt, and the implementations do not
        agree on one answer (PyTorch raises, JAX clamps or gives NaN depending on its version).
        """
        num_padding = self.max_length - len(tokens)
        limit = self.vocab_size
        known = (UNK_ID if limit is not None and token >= limit else token for token in tokens)
        return EncodedText(
            ids=(*known, *[PAD_ID] * num_padding),
            mask=(True,) * len(tokens) + (False,) * num_padding,
            num_tokens=num_tokens,
        )
