"""Pictures and captions that belong together by their names, in a folder or in a tar file.

`a.jpg` belongs to `a.txt`, `a.caption` and `a.json`, in capitals or not, and to `a.jpg.txt`. Where
people name fields, as in `0.input.jpg` and `0.outputs.txt`, the one picture and the captions of a
key, the name up to its first dot, belong together. Everything else is told.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from ninefold.data.caption_files import CaptionError, caption_lines, json_captions
from ninefold.data.sample import MAX_BYTES, OnLeftOut, Sample
from ninefold.file_kinds import HEAD_BYTES, is_lfs_pointer, kind_of
from ninefold.pictures.decoding import FORMATS

PICTURE_ENDINGS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib"}
)
TEXT_ENDINGS = (".txt", ".text", ".caption", ".captions", ".cap", ".prompt", ".json")
"""Of what holds captions, the first that has some."""

_OTHER_PICTURES = re.compile(
    r"\.(heic|heif|hif|avif|tiff?|jxl|jp2|j2k|psd|svgz?|ico|tga|eps|ps|pdf|ppm|pgm|raw|cr[23]|nef|"
    r"arw|dng|orf|rw2|mp4|mov|webm|mkv|avi)$"
)
_ARCHIVES = re.compile(r"\.(zip|7z|rar|gz|bz2|xz|zst)$")
_TABLES = re.compile(r"\.(parquet|arrow|feather|xlsx?|db|sqlite3?)$")
_FIELD = re.compile(r"(\.[^\W\d]+)*")


@dataclass(frozen=True)
class PairedFile:
    """A file that may be a picture or a caption."""

    path: PurePosixPath
    """Its place in the folder or tar file."""
    name: str
    """What messages call it."""
    size: int
    read: Callable[[int], bytes]
    """Returns the first so many bytes, all for -1; raises OSError or what a tar file raises."""

    @property
    def ending(self) -> str:
        """The last ending of its name in small letters, with the dot."""
        return self.path.suffix.lower()

    @property
    def stem(self) -> str:
        """Its place without the last ending, in small letters."""
        return str(self.path.with_suffix("")).lower()

    @property
    def key(self) -> str:
        """Its place up to the first dot of the name: WebDataset's key of a sample."""
        return str(self.path.with_name(self.path.name.partition(".")[0])).lower()

    @property
    def has_field_name(self) -> bool:
        """Whether all between key and ending are words, not parts of a number or date."""
        return _FIELD.fullmatch(self.stem.removeprefix(self.key)) is not None

    @cached_property
    def is_picture(self) -> bool:
        """Whether its ending or, where that says nothing, its first bytes are a picture's."""
        if self.ending in PICTURE_ENDINGS:
            return True
        if self.ending in TEXT_ENDINGS or _OTHER_PICTURES.search(self.ending):
            return False
        try:
            return kind_of(self.read(HEAD_BYTES)) in FORMATS
        except Exception:  # a tar file raises anything; whoever reads all of it tells
            return False


def pair(entries: Iterable[PairedFile], on_left_out: OnLeftOut) -> Iterator[Sample]:
    """Yield the pictures that have captions, in the given order, and tell of all other entries.

    Args:
        entries: files of one folder and those below it, or members of one tar file.
        on_left_out: told of pictures without captions, captions without pictures, the rest.
    """
    pictures, texts, others = list[PairedFile](), list[PairedFile](), list[PairedFile]()
    for entry in entries:
        is_text = entry.ending in TEXT_ENDINGS
        (texts if is_text else pictures if entry.is_picture else others).append(entry)
    by_stem: dict[str, list[PairedFile]] = {}
    for text in texts:
        by_stem.setdefault(text.stem, []).append(text)
    own = [by_stem.get(p.stem, []) + by_stem.get(str(p.path).lower(), []) for p in pictures]
    used = {id(text) for found in own for text in found}
    fields = _fields(pictures, own, [text for text in texts if id(text) not in used])
    used |= {id(text) for found in fields.values() for text in found}
    for picture, found in zip(pictures, own, strict=True):
        yield from _sample(picture, found or fields.get(id(picture), []), on_left_out)
    for text in texts:
        if id(text) not in used:
            on_left_out(text.name, "there is no picture of its name")
    for other in others:
        on_left_out(other.name, why_not(other))


def read_entry(entry: PairedFile, on_left_out: OnLeftOut) -> bytes | None:
    """Return the content of a picture's or caption's file; None, and told, where there is none."""
    if entry.size > MAX_BYTES:
        on_left_out(entry.name, "it is too large")
        return None
    try:
        return entry.read(-1)
    except Exception as error:  # what decompresses tar files raises anything
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        on_left_out(entry.name, f"it cannot be read: {reason}")
        return None


def why_not(entry: PairedFile) -> str:
    """Return why a file that is neither picture nor caption is not read."""
    ending = entry.ending
    if _OTHER_PICTURES.search(ending):
        return f"pictures that end in {ending} are not read; save it as JPEG or PNG"
    if _ARCHIVES.search(ending):
        return "archives but tar files are not read; unpack it"
    if _TABLES.search(ending):
        return "tables of this kind are not read; save it as captions.jsonl"
    return "it is no picture, caption or list"


def _fields(
    pictures: list[PairedFile], own: list[list[PairedFile]], free: list[PairedFile]
) -> dict[int, list[PairedFile]]:
    """Give captions without a picture of their name to the one picture of their key without any."""
    bare: dict[str, list[PairedFile]] = {}
    for picture, found in zip(pictures, own, strict=True):
        if not found and picture.has_field_name:
            bare.setdefault(picture.key, []).append(picture)
    given: dict[int, list[PairedFile]] = {}
    for text in free:
        of_key = bare.get(text.key, [])
        if len(of_key) == 1 and text.has_field_name:
            given.setdefault(id(of_key[0]), []).append(text)
    return given


def _sample(
    picture: PairedFile, texts: list[PairedFile], on_left_out: OnLeftOut
) -> Iterator[Sample]:
    if not texts:
        stem = PurePosixPath(picture.path.name).with_suffix("")
        on_left_out(picture.name, f"there is no {stem}.txt beside it")
        return
    captions: tuple[str, ...] = ()
    reasons: list[str] = []
    for text in sorted(texts, key=lambda text: TEXT_ENDINGS.index(text.ending)):
        told = len(reasons)
        content = read_entry(text, lambda name, why: reasons.append(f"{name}: {why}"))
        try:
            if content is not None:
                read = json_captions if text.ending == ".json" else caption_lines
                captions = read(content)
        except CaptionError as error:
            reasons.append(f"{text.name}: {error}")
        if captions:
            break
        if len(reasons) == told:
            reasons.append(f"{text.name} holds no caption")
    if not captions:
        on_left_out(picture.name, "it has no caption; " + "; ".join(reasons))
        return
    data = read_entry(picture, on_left_out)
    if data is not None:
        yield Sample(picture.name, data, captions)


def is_pointer(entry: PairedFile) -> bool:
    """Say whether a file is a Git-LFS pointer."""
    try:
        return is_lfs_pointer(entry.read(HEAD_BYTES))
    except Exception:  # whoever reads all of it tells
        return False
