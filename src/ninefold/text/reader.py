"""What each network of a model reads of a prompt: normalised as it was trained, then encoded.

Wires normaliser and tokenizers of one model's folder. Knows nothing of networks: sizes come in as
numbers, token ids go out.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from ninefold.text.clip_tokenizer import ClipTokenizer
from ninefold.text.encoded import EncodedText
from ninefold.text.min_dalle import MinDalleTokenizer
from ninefold.text.normalize import TextNormalizer
from ninefold.text.tokenizer import TextTokenizer

CLIP_TOKENIZER_FILE = "clip_tokenizer.json"

_NUM_SPECIAL = 2  # <s> and </s>, which every text has


@dataclass(frozen=True)
class ReadPrompt:
    """A prompt as the transformer reads it."""

    prompt: EncodedText
    unconditional: EncodedText
    """The empty or the negative text."""
    notices: tuple[str, ...]
    """What a person should know, one sentence each."""


class PromptReader:
    """Reads prompts for the transformer of one model.

    Args:
        folder: of the model, with its tokenizer and, perhaps, its word list.
        max_length: text length of the model.
        vocab_size: rows of its text embedding.
        has_normalizer: whether its captions were normalised.

    Raises:
        CheckpointError: the tokenizer is missing or damaged.
    """

    def __init__(
        self, folder: Path, max_length: int, vocab_size: int, *, has_normalizer: bool
    ) -> None:
        self._normalizer = TextNormalizer.from_folder(folder) if has_normalizer else None
        self._tokenizer = TextTokenizer.from_folder(folder, max_length, vocab_size)
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
        encoded, notices = self._encode(prompt, dialect, "prompt")
        if not negative_prompt:
            if dialect == "min-dalle":
                unconditional = self._min_dalle.encode_unconditional(encoded)
            else:
                unconditional = self._tokenizer.encode_unconditional()
            return ReadPrompt(encoded, unconditional, notices)
        negative, more = self._encode(negative_prompt, dialect, "negative prompt")
        return ReadPrompt(encoded, negative, notices + more)

    def _encode(self, text: str, dialect: str, name: str) -> tuple[EncodedText, tuple[str, ...]]:
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
            notice = (
                f"The {name} has {encoded.num_tokens:,} tokens, but the model reads only "
                f"{len(encoded.ids)}: its end was left out."
            )
        else:
            return encoded, ()
        return encoded, (notice,)


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
        return self._tokenizer.encode(self._prompts.normalize(prompt))
