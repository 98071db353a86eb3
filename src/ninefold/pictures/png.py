"""PNG files that carry their recipe: all that is needed to draw the same picture again.

The recipe stands in text chunks, so that any PNG reader shows it. What is read back is data from a
stranger: sizes are bounded before anything is unpacked, and nothing in it is believed to be well
formed. Source: "Portable Network Graphics (PNG) Specification", W3C, sections 5 and 11.3.3.
"""

import io
import json
import struct
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ninefold.atomic_file import write_new
from ninefold.errors import UserError

Setting = bool | int | float | str | None
"""A value of one setting, as JSON has it."""

SIGNATURE = b"\x89PNG\r\n\x1a\n"
"""The first eight bytes of every PNG file."""

MAX_FILE_BYTES = 64 * 2**20
"""Largest file that is read for its recipe."""

MAX_TEXT_BYTES = 2**20
"""Largest text of one chunk, after unpacking: a prompt of 100,000 characters fits."""

_PROMPT = "Description"
_SOFTWARE = "Software"
_SEED = "ninefold.seed"
_INDEX = "ninefold.index"
_SETTINGS = "ninefold.settings"
_MODEL = "ninefold.model"
_MODEL_SHA256 = "ninefold.model-sha256"
_MARK = "ninefold.mark"
_REQUIRED = frozenset({_PROMPT, _SOFTWARE, _SEED, _INDEX, _SETTINGS, _MODEL, _MODEL_SHA256})
_KEYWORDS = _REQUIRED | {_MARK}
_MANIFEST = b"caBX"
"""The chunk that holds Content Credentials (C2PA Technical Specification 2.2, section A.3.3)."""

_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})

_COMPRESS_FROM = 1024
_MAX_NUMBER_DIGITS = 40


class _DamagedError(Exception):
    """The file breaks the format; the message says where."""


@dataclass(frozen=True)
class Recipe:
    """What a picture was drawn from; the same recipe draws the same picture."""

    prompt: str
    seed: int
    index: int
    """Which picture of the seed this is, from 0: not its place in the order of the ranking."""
    settings: Mapping[str, Setting]
    """The sampling parameters and the number format, by name."""
    model: str
    model_sha256: str
    """Digest that stands for the model's files, as lower-case hexadecimal digits."""
    software: str
    """Program and version, such as `"ninefold 0.1.0"`."""
    mark: str = ""
    """Name of the invisible mark that was put on after drawing; empty for none."""


def encode_png(picture: Image.Image, recipe: Recipe | None = None) -> bytes:
    """Return `picture` as a PNG file with `recipe` in text chunks.

    The same pixels and recipe give the same bytes with the same versions of Pillow and zlib: no
    time, host or path is written.
    """
    chunks = PngInfo()
    for keyword, text in _texts(recipe).items() if recipe else ():
        chunks.add_itxt(keyword, text, zip=len(text) > _COMPRESS_FROM)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", pnginfo=chunks, compress_level=6)
    return buffer.getvalue()


def write_png(path: Path, picture: Image.Image, recipe: Recipe | None = None) -> Path:
    """Write `encode_png` to a new file at `path`, whole or not at all, and return `path`.

    Raises:
        FileExistsError: something is at `path` already.
        OSError: the file cannot be written.
    """
    return write_new(path, encode_png(picture, recipe))


def read_recipe(path: Path) -> Recipe:
    """Return the recipe that the PNG file at `path` carries.

    Raises:
        UserError: the file cannot be read, is no PNG, is damaged, or carries no recipe.
    """
    return parse_recipe(read_picture_file(path), str(path))


def parse_recipe(data: bytes, name: str) -> Recipe:
    """Return the recipe in the bytes of a PNG file; `name` is what messages call it.

    Raises:
        UserError: it is no PNG, is damaged, or carries no recipe.
    """
    if not data.startswith(SIGNATURE):
        raise UserError(f"{name!r} is not a PNG picture; name one that Ninefold has drawn.")
    try:
        texts = _read_texts(data)
        if _SEED not in texts and _SETTINGS not in texts:
            raise UserError(
                f"{name!r} carries no recipe: it was not drawn by Ninefold, another program has "
                "saved it since and dropped its text, or it is a page's download without one."
            )
        return _to_recipe(texts)
    except _DamagedError as error:
        raise UserError(
            f"{name!r} is damaged ({error}); take an undamaged copy of the picture."
        ) from None


def without_manifest(data: bytes) -> bytes:
    """Return a PNG file without its Content Credentials: what two signatures of it have in common.

    A file that is damaged or no PNG is returned as it is.
    """
    return _without(data, {_MANIFEST})


def without_texts(data: bytes) -> bytes:
    """Return a PNG file without its texts, and so without its recipe; its pixels stay as they are.

    A file that is damaged or no PNG is returned as it is.
    """
    return _without(data, _TEXTS)


def _without(data: bytes, kinds: Collection[bytes]) -> bytes:
    kept, start = [], 0
    try:
        for chunk in _chunks(data) if data.startswith(SIGNATURE) else ():
            if chunk.kind in kinds:
                kept.append(data[start : chunk.start])
                start = chunk.end
    except _DamagedError:
        return data
    return b"".join([*kept, data[start:]])


def read_picture_file(path: Path) -> bytes:
    """Return the bytes of a file that should be a picture.

    Raises:
        UserError: it cannot be read, or is larger than `MAX_FILE_BYTES`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError(f"{str(path)!r} cannot be read: {reason}.") from None
    except ValueError:
        raise UserError(f"{str(path)!r} is not the name of a file.") from None
    if len(data) > MAX_FILE_BYTES:
        limit = MAX_FILE_BYTES // 2**20
        raise UserError(f"{str(path)!r} is larger than {limit} MiB: not a picture of Ninefold's.")
    return data


def _texts(recipe: Recipe) -> dict[str, str]:
    mark = {_MARK: recipe.mark} if recipe.mark else {}
    return {
        _PROMPT: recipe.prompt,
        _SEED: str(recipe.seed),
        _INDEX: str(recipe.index),
        _SETTINGS: json.dumps(dict(recipe.settings), sort_keys=True, ensure_ascii=False),
        _MODEL: recipe.model,
        _MODEL_SHA256: recipe.model_sha256,
        _SOFTWARE: recipe.software,
        **mark,
    }


def _read_texts(data: bytes) -> dict[str, str]:
    texts: dict[str, str] = {}
    for chunk in _chunks(data):
        if chunk.kind != b"iTXt":
            continue
        keyword, separator, rest = chunk.body.partition(b"\0")
        name = keyword.decode("latin-1")
        if not separator or name not in _KEYWORDS:
            continue
        if name in texts:
            raise _DamagedError(f"two texts are called {name}")
        texts[name] = _international_text(name, rest)
    return texts


class _Chunk(NamedTuple):
    """A part of a PNG file: bytes `start` to before `end`."""

    kind: bytes
    body: bytes
    start: int
    end: int


def _chunks(data: bytes) -> Iterator[_Chunk]:
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind = data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data):
            break
        body = data[at + 8 : end - 4]
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(body, zlib.crc32(kind)) != checksum:
            raise _DamagedError("a checksum does not fit")
        if kind == b"IEND":
            return
        yield _Chunk(kind, body, at, end)
        at = end
    raise _DamagedError("its end is missing")


def _international_text(name: str, rest: bytes) -> str:
    """Return the text of an iTXt chunk from what follows its keyword (PNG section 11.3.3.4)."""
    parts = rest[2:].split(b"\0", 2)
    if len(rest) < 2 or len(parts) != 3 or rest[0] not in (0, 1):
        raise _DamagedError(f"its text {name} is cut short")
    text = parts[2]
    if rest[0] == 1:
        text = _unpack(name, text)
    if len(text) > MAX_TEXT_BYTES:
        raise _DamagedError(f"its text {name} is too long")
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise _DamagedError(f"its text {name} is not UTF-8") from None


def _unpack(name: str, packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, MAX_TEXT_BYTES + 1)
    except zlib.error:
        raise _DamagedError(f"its text {name} cannot be unpacked") from None
    if len(text) <= MAX_TEXT_BYTES and not unpacker.eof:
        raise _DamagedError(f"its text {name} is cut short")
    return text


def _to_recipe(texts: Mapping[str, str]) -> Recipe:
    missing = sorted(_REQUIRED - texts.keys())
    if missing:
        raise _DamagedError(f"its recipe lacks {', '.join(missing)}")
    return Recipe(
        prompt=texts[_PROMPT],
        seed=_whole_number(_SEED, texts),
        index=_whole_number(_INDEX, texts),
        settings=_settings(texts[_SETTINGS]),
        model=texts[_MODEL],
        model_sha256=texts[_MODEL_SHA256],
        software=texts[_SOFTWARE],
        mark=texts.get(_MARK, ""),
    )


def _whole_number(name: str, texts: Mapping[str, str]) -> int:
    text = texts[name]
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_NUMBER_DIGITS):
        raise _DamagedError(f"its {name} is not a whole number")
    return int(text)


def _settings(text: str) -> dict[str, Setting]:
    try:
        settings = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise _DamagedError("its settings are not JSON") from None
    if not isinstance(settings, dict) or any(
        not isinstance(value, bool | int | float | str | None) for value in settings.values()
    ):
        raise _DamagedError("its settings are not names and values")
    return settings


def _refuse_constant(name: str) -> Setting:
    raise ValueError(f"{name} is not a number of JSON")
