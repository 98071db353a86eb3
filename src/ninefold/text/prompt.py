"""Prompts as people give them: cleaned of what nobody means to draw, or refused in one sentence.

A prompt may hold any language, emoji and punctuation. Control characters and broken encoding are
taken out, with a notice: they could act on a terminal or a file that the prompt is written to.
Knows nothing of what a model reads.
"""

import unicodedata
from dataclasses import dataclass

from ninefold.errors import UserError

MAX_PROMPT_CHARACTERS = 100_000
"""Longest prompt that is taken; a model reads far less (DALL·E Mini 64 tokens) and says so."""

_REMOVED = ("Cc", "Cs", "Zl", "Zp")  # control, lone surrogate, line and paragraph separator


@dataclass(frozen=True)
class Prompt:
    """A prompt that can be drawn, and what was changed to make it so."""

    text: str
    notices: tuple[str, ...] = ()


def clean_prompt(text: str, name: str = "The prompt", *, may_be_empty: bool = False) -> Prompt:
    """Return `text` without control characters and broken encoding.

    Args:
        text: any text.
        name: what to call it in a message.
        may_be_empty: whether a text of nothing but white space is the same as none.

    Raises:
        UserError: nothing is left to draw, or the text is too long.
    """
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise UserError(
            f"{name} has {len(text):,} characters; give at most {MAX_PROMPT_CHARACTERS:,}."
        )
    is_kept = [unicodedata.category(character) not in _REMOVED for character in text]
    spaced = "".join(c if kept else " " for c, kept in zip(text, is_kept, strict=True))
    if not spaced.strip():
        if may_be_empty and not text.strip():
            return Prompt("")
        raise UserError(f"{name} is empty; give it words, such as 'a red apple'.")
    if all(is_kept):
        return Prompt(text)
    return Prompt(
        " ".join(spaced.split()), (f"{name} held control characters; they are left out.",)
    )
