"""Pictures with captions as people keep them: files side by side, a list, or WebDataset shards.

Three layouts, found out by what a folder holds:

- `name.jpg` beside `name.txt`, a caption a line, in any folder below;
- `captions.jsonl` or `metadata.jsonl`, a JSON object a line: `file` or `file_name`, and `caption`,
  `text` or a list `captions`;
- `*.tar` shards (github.com/webdataset/webdataset): members that share a name up to its first dot,
  `.txt` or `.json` beside a picture. They are read where they lie, never unpacked.

Nothing is decoded here: a sample is a picture's bytes and its captions.
"""

import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ninefold.errors import UserError

PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")
LIST_FILES = ("captions.jsonl", "metadata.jsonl")
MAX_BYTES = 100 << 20
"""Of one picture; a larger file is no picture, or none that a model could learn from."""

OnLeftOut = Callable[[str, str], None]
"""Called with the name of what is left out and the reason."""


@dataclass(frozen=True)
class Sample:
    """One picture and what it is called."""

    name: str
    """Where it came from, for messages and records."""
    data: bytes
    captions: tuple[str, ...]
    """One or more."""


def read_samples(folder: Path, on_left_out: OnLeftOut) -> Iterator[Sample]:
    """Yield every picture that has a caption, in the order of their names.

    Args:
        folder: holds one of the three layouts.
        on_left_out: told of pictures without captions, and of what cannot be read.

    Raises:
        UserError: there is no such folder, it holds none of the layouts, or its list is damaged.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder; name one that holds pictures with captions.")
    lists = [folder / name for name in LIST_FILES if (folder / name).is_file()]
    shards = sorted(folder.glob("*.tar"))
    if lists:
        return _read_list(lists[0], on_left_out)
    if shards:
        return _read_shards(shards, on_left_out)
    pictures = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in PICTURE_ENDINGS]
    if not pictures:
        raise UserError(
            f"{folder} holds no pictures with captions; give each name.jpg a name.txt, write a "
            "captions.jsonl, or put WebDataset shards (*.tar) there."
        )
    return _read_pairs(folder, pictures, on_left_out)


def _read_pairs(folder: Path, pictures: list[Path], on_left_out: OnLeftOut) -> Iterator[Sample]:
    for path in pictures:
        name = path.relative_to(folder).as_posix()
        text = path.with_suffix(".txt")
        if not text.is_file():
            on_left_out(name, f"there is no {text.name} beside it")
            continue
        captions = _lines(text.read_bytes())
        yield from _checked(name, path, captions, on_left_out)


def _read_list(path: Path, on_left_out: OnLeftOut) -> Iterator[Sample]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            where = f"{path.name}, line {number}"
            try:
                row = json.loads(line)
            except ValueError:
                raise UserError(f"{where} is not JSON; correct it and build again.") from None
            file = row.get("file", row.get("file_name")) if isinstance(row, dict) else None
            if not isinstance(file, str) or not file:
                raise UserError(f'{where} names no "file"; correct it and build again.')
            place = (path.parent / file).resolve()
            if not place.is_relative_to(path.parent.resolve()):
                raise UserError(f"{where} names a file outside {path.parent}; move it inside.")
            yield from _checked(file, place, captions_of(row), on_left_out)


def _read_shards(shards: list[Path], on_left_out: OnLeftOut) -> Iterator[Sample]:
    for shard in shards:
        try:
            with tarfile.open(shard) as archive:
                yield from _read_shard(shard.name, archive, on_left_out)
        except (tarfile.TarError, EOFError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise UserError(
                f"{shard} cannot be read as a tar file ({reason}); remove it or copy it again."
            ) from error


def _read_shard(name: str, archive: tarfile.TarFile, on_left_out: OnLeftOut) -> Iterator[Sample]:
    """Members of a sample follow each other, as the format demands; a picture may come last."""
    key, parts = "", dict[str, bytes]()
    for member in archive:
        path = PurePosixPath(member.name)
        stem, _, ending = path.name.partition(".")
        if not member.isfile() or not stem:
            continue
        if str(path.with_name(stem)) != key:
            yield from _of_parts(f"{name}: {key}", parts, on_left_out)
            key, parts = str(path.with_name(stem)), {}
        if member.size > MAX_BYTES:
            on_left_out(f"{name}: {member.name}", "it is too large")
            continue
        content = archive.extractfile(member)
        assert content is not None, "a regular file has content"
        parts[f".{ending.lower()}"] = content.read()
    yield from _of_parts(f"{name}: {key}", parts, on_left_out)


def _of_parts(name: str, parts: Mapping[str, bytes], on_left_out: OnLeftOut) -> Iterator[Sample]:
    picture = next((parts[ending] for ending in PICTURE_ENDINGS if ending in parts), None)
    if picture is None:
        return
    captions = _lines(parts.get(".txt", b""))
    if not captions and ".json" in parts:
        try:
            row = json.loads(parts[".json"])
        except ValueError:
            row = None
        captions = captions_of(row) if isinstance(row, dict) else ()
    if captions:
        yield Sample(name, picture, captions)
    else:
        on_left_out(name, "it has no caption")


def captions_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the captions that a JSON object gives as `captions`, `caption` or `text`."""
    many = row.get("captions")
    found = many if isinstance(many, list) else [row.get("caption", row.get("text"))]
    return tuple(" ".join(text.split()) for text in found if isinstance(text, str) and text.strip())


def _checked(
    name: str, path: Path, captions: tuple[str, ...], on_left_out: OnLeftOut
) -> Iterator[Sample]:
    if not captions:
        on_left_out(name, "it has no caption")
    elif not path.is_file():
        on_left_out(name, "there is no such file")
    elif path.stat().st_size > MAX_BYTES:
        on_left_out(name, "it is too large")
    else:
        yield Sample(name, path.read_bytes(), captions)


def _lines(data: bytes) -> tuple[str, ...]:
    text = data.decode("utf-8-sig", errors="replace")
    return tuple(" ".join(line.split()) for line in text.splitlines() if line.strip())
