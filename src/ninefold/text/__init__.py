"""Prompts to token ids: the caption normaliser and the tokenizer of DALL·E Mini."""

from ninefold.text.encoded import EncodedText
from ninefold.text.min_dalle import MinDalleTokenizer
from ninefold.text.normalize import TextNormalizer
from ninefold.text.tokenizer import TextTokenizer

__all__ = ["EncodedText", "MinDalleTokenizer", "TextNormalizer", "TextTokenizer"]
