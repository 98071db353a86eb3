"""File names made from prompts, and folders that never take the place of another.

A prompt is hostile text: its name must be one safe path component on Linux, macOS and Windows.
Knows nothing of what is in the files. Rules for Windows: "Naming Files, Paths, and Namespaces" in
the Windows documentation; the 255-byte limit of a component is that of ext4 and APFS.
"""

import itertools
import unicodedata
from collections.abc import Iterator
from pathlib import Path

STEM_BYTES = 80
"""Default length of a stem in UTF-8: a folder and a file stay inside Windows' 260 characters."""

MAX_STEM_BYTES = 200
"""Longest stem that may be asked for: with a number and an extension it fits 255 bytes."""

_RESERVED = frozenset(
    {"CON", "PRN", "AUX", "NUL"} | {f"{port}{n}" for port in ("COM", "LPT") for n in range(10)}
)
_FALLBACK = "picture"
_APOSTROPHES = frozenset("'’ʼ")
# Letters and marks that draw nothing: a name made of them would look empty, or like another name.
_INVISIBLE = frozenset(
    chr(code)
    for first, last in (
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x2800, 0x2800),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0),
        (0xE0100, 0xE01EF),
    )
    for code in range(first, last + 1)
)


def picture_stem(prompt: str, max_bytes: int = STEM_BYTES) -> str:
    """Return a file name without extension that tells `prompt` and is safe everywhere.

    Letters of every script, digits and emoji are kept, in Unicode's composed form (NFC); anything
    else becomes a single dash. The result never starts or ends with a dash or a dot, holds no path
    separator, control or direction-changing character, and is not a device name of Windows.

    Args:
        prompt: any text, also empty.
        max_bytes: most bytes of UTF-8 that the stem may take, 8 to `MAX_STEM_BYTES`.

    Raises:
        ValueError: `max_bytes` is out of its range.
    """
    if not 8 <= max_bytes <= MAX_STEM_BYTES:
        raise ValueError(f"max_bytes must be 8 to {MAX_STEM_BYTES}, not {max_bytes}.")
    # What is kept takes a byte or more a character; 16 leaves room for what is dropped.
    text = unicodedata.normalize("NFC", prompt[: 16 * max_bytes])
    kept = "".join(_name_character(character) for character in text)
    kept = unicodedata.normalize("NFC", kept)
    words = [_without_leading_marks(word) for word in kept.split("-")]
    stem = _shorten("-".join(word for word in words if word), max_bytes)
    if not stem:
        return _FALLBACK
    if unicodedata.normalize("NFKC", stem).upper() in _RESERVED:
        return f"{stem}-{_FALLBACK}"[:max_bytes].rstrip("-")
    return stem


def claim_folder(parent: Path, stem: str) -> Path:
    """Create and return a folder of its own for one drawing.

    It is called `stem`, or `stem-2`, `stem-3` and so on where that name is taken.
    Creating is what claims it, so two processes never share one. `parent` must exist.

    Raises:
        OSError: `parent` cannot be written to.
    """
    for name in _numbered(stem):
        folder = parent / name
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise AssertionError("numbers do not end")


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    for number in itertools.count(2):
        yield f"{stem}-{number}"


def _name_character(character: str) -> str:
    if character in _APOSTROPHES or character in _INVISIBLE:
        return ""
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    return character if category[0] in "LMN" or category == "So" else "-"


def _without_leading_marks(word: str) -> str:
    start = 0
    while start < len(word) and unicodedata.category(word[start])[0] == "M":
        start += 1
    return word[start:]


def _shorten(stem: str, max_bytes: int) -> str:
    if len(stem.encode()) <= max_bytes:
        return stem
    cut = stem.encode()[:max_bytes].decode(errors="ignore")
    rest = stem[len(cut) :]
    if rest and rest[0] != "-":
        last_word = cut.rfind("-")
        if last_word > len(cut) // 2:
            cut = cut[:last_word]
        elif unicodedata.category(rest[0])[0] == "M":
            cut = _without_last_cluster(cut) or cut
    return cut.rstrip("-")


def _without_last_cluster(text: str) -> str:
    end = len(text)
    while end > 0 and unicodedata.category(text[end - 1])[0] == "M":
        end -= 1
    return text[: max(end - 1, 0)]
