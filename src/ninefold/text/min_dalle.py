"""Texts to token ids as the `min-dalle` package reads them, for pictures that equal its own.

min-dalle 0.4.11 runs the weights of DALL·E Mini without their caption normaliser: emoji become
their names, upper case goes, what is not ASCII is dropped, and each word between spaces is encoded
whole, so that `avocado!` is not the word `avocado`. A long text loses `</s>` with its end. Use this
for the `min-dalle` preset alone; `TextTokenizer` is what the weights were trained with.
"""

from pathlib import Path
from typing import Self

from ninefold.text.bpe import SPACE, BPETables, read_bpe_tables
from ninefold.text.emoji_names import name_emoji
from ninefold.text.encoded import BOS_ID, EOS_ID, EncodedText, TokenRow


class MinDalleTokenizer:
    """Encodes texts as min-dalle does.

    Args:
        tables: Vocabulary and merges.
        row: Text length and embedding rows of the model.
    """

    def __init__(self, tables: BPETables, row: TokenRow) -> None:
        self._words = tables.build_model()
        self._row = row

    @classmethod
    def from_folder(cls, folder: Path, max_length: int = 64, vocab_size: int | None = None) -> Self:
        """Read what `TextTokenizer.from_folder` reads, with the same arguments and errors."""
        return cls(read_bpe_tables(folder), TokenRow(max_length, vocab_size))

    def encode(self, text: str) -> EncodedText:
        """Encode one text. A text that is too long is cut off, `</s>` included."""
        named = name_emoji(text, ("", ""))
        plain = named.lower().encode("ascii", errors="ignore").decode("ascii")
        tokens = [BOS_ID]
        for word in filter(None, plain.split(" ")):
            tokens += [token.id for token in self._words.tokenize(SPACE + word)]
        tokens.append(EOS_ID)
        return self._row.fill(tokens[: self._row.max_length], num_tokens=len(tokens))

    def encode_unconditional(self, prompt: EncodedText | None = None) -> EncodedText:
        """Encode the empty prompt that guidance leads away from.

        min-dalle takes the first and the last token of the prompt for it. That is `<s> </s>` unless
        the prompt was truncated; then the piece of a word stands in the place of `</s>`.

        Args:
            prompt: The encoded prompt; without it, one that was not truncated.
        """
        last = EOS_ID if prompt is None else prompt.ids[sum(prompt.mask) - 1]
        return self._row.fill([BOS_ID, last], num_tokens=2)
