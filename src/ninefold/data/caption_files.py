"""Captions as people store them: text files in the encodings that editors write, and JSON objects.

Text that is not what it should be is refused with a reason, never read as something else.
"""

import codecs
import json
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from ninefold.errors import NinefoldError
from ninefold.file_kinds import LFS_POINTER, is_lfs_pointer
from ninefold.text.prompt import MAX_PROMPT_CHARACTERS

CAPTION_KEYS = ("captions", "caption", "text", "prompt", "description")
"""Names of what holds captions in a JSON object or the head of a table; the first that has some."""

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_UNREADABLE = frozenset({"Cc", "Cs"})  # control characters, and halves of characters


class CaptionError(NinefoldError):
    """A caption cannot be read; the message is the reason, without the name of the file."""


def decode_text(data: bytes) -> str:
    """Decode a text file: by its byte order mark, or as UTF-8.

    Raises:
        CaptionError: it is neither, or no text at all.
    """
    if is_lfs_pointer(data):
        raise CaptionError(LFS_POINTER)
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise CaptionError("it is not text in UTF-8; save it as UTF-8") from None
    if "\0" in text:  # as UTF-16 without a mark has
        raise CaptionError("it is not text in UTF-8; save it as UTF-8")
    return text


def caption_lines(data: bytes) -> tuple[str, ...]:
    """Return the captions of a text file, one a line; none where it is blank.

    Raises:
        CaptionError: it is no text, or holds a caption that cannot be learned.
    """
    return checked_captions(decode_text(data).splitlines())


def json_captions(data: bytes) -> tuple[str, ...]:
    """Return the captions of a JSON file that holds one object; none where it names none.

    Raises:
        CaptionError: it is no JSON, or holds a caption that cannot be learned.
    """
    try:
        row = json.loads(decode_text(data))
    except (ValueError, RecursionError):
        raise CaptionError("it is not JSON") from None
    return checked_captions(captions_of(row)) if isinstance(row, dict) else ()


def captions_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the captions that an object gives under the first of `CAPTION_KEYS` that has some."""
    values = {str(key).strip().lower(): value for key, value in row.items()}
    for key in CAPTION_KEYS:
        value = values.get(key)
        texts = value if isinstance(value, list) else [value]
        found = [" ".join(text.split()) for text in texts if isinstance(text, str)]
        if any(found):
            return tuple(text for text in found if text)
    return ()


def checked_captions(texts: Iterable[str]) -> tuple[str, ...]:
    """Return captions with single spaces, without the empty ones.

    Raises:
        CaptionError: one is too long, or holds what is no text.
    """
    captions = tuple(" ".join(text.split()) for text in texts if text.strip())
    for caption in captions:
        if len(caption) > MAX_PROMPT_CHARACTERS:
            raise CaptionError(f"its caption has more than {MAX_PROMPT_CHARACTERS:,} characters")
        if any(unicodedata.category(character) in _UNREADABLE for character in caption):
            raise CaptionError("its caption holds control characters or halves of characters")
    return captions
