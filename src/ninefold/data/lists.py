"""Lists of pictures and captions: JSON Lines or tables, in the layouts that people share.

A line names a file and its captions: `{"file": "a.jpg", "caption": "a cat"}`, or a row of a CSV or
TSV table with a head. A line that is no such thing stops the build by its number; a file that is
not there, or cannot be, is told and left out.
"""

import csv
import io
import json
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from ninefold.data.caption_files import CaptionError, captions_of, checked_captions, decode_text
from ninefold.data.sample import MAX_BYTES, OnLeftOut, Sample
from ninefold.errors import UserError

LIST_STEMS = ("captions", "metadata")
"""Files of these names must be lists; others that end alike may be."""
LIST_ENDINGS = (".jsonl", ".ndjson", ".csv", ".tsv")
FILE_KEYS = ("file", "file_name", "filename", "image", "image_path", "img", "path", "filepath")
MAX_LIST_BYTES = 1 << 30
MAX_NAME = 255
"""Longest name of a file that messages show."""

csv.field_size_limit(1 << 20)


def is_list(path: Path) -> bool:
    """Say whether a file's ending is that of a list."""
    return path.suffix.lower() in LIST_ENDINGS


class ListReader:
    """Reads the lists of one folder, and knows which of its files they named."""

    def __init__(self, root: Path, files: Collection[Path], on_left_out: OnLeftOut) -> None:
        """`files`: all of the folder, with the folders that they are in."""
        self.root = root
        self.on_left_out = on_left_out
        self.named: set[Path] = set()
        self._top = Path(_absolute(root))
        self._files = {_absolute(path): path for path in files}
        self._in_small = {place.lower(): path for place, path in self._files.items()}

    def read(self, path: Path) -> Iterator[Sample]:
        """Yield the pictures that a list names, in its order.

        Raises:
            UserError: it is named as a list and is none, or a line is damaged.
        """
        name = path.relative_to(self.root).as_posix()
        try:
            text = _read_text(path)
        except CaptionError as error:
            self.on_left_out(name, str(error))
            return
        is_json = path.suffix.lower() in (".jsonl", ".ndjson")
        rows = _json_rows(text) if is_json else _table_rows(text, path.suffix.lower())
        must_be = path.stem.lower() in LIST_STEMS
        for number, row in rows:
            where = f"{name}, line {number}"
            file = None if row is None else _file_of(row)
            if file is None and not must_be:
                self.on_left_out(name, "it is no list of files and captions")
                return
            if row is None:
                kind = "JSON" if is_json else "a row of a table"
                raise UserError(f"{where} is not {kind}; correct it and build again.")
            if file is None:
                raise UserError(f'{where} names no "file"; correct it and build again.')
            must_be = True
            yield from self._sample(where, file, path.parent, row)

    def _sample(
        self, where: str, file: str, folder: Path, row: Mapping[str, Any]
    ) -> Iterator[Sample]:
        place = self._find(where, file, folder)
        if place is None:
            return
        self.named.add(place)
        try:
            captions = checked_captions(captions_of(row))
            size = place.stat().st_size
            if not captions:
                self.on_left_out(file, "it has no caption")
            elif size > MAX_BYTES:
                self.on_left_out(file, "it is too large")
            else:
                yield Sample(file, place.read_bytes(), captions)
        except CaptionError as error:
            self.on_left_out(f"{file} ({where})", str(error))
        except OSError as error:
            self.on_left_out(f"{file} ({where})", f"it cannot be read: {error.strerror}")

    def _find(self, where: str, file: str, folder: Path) -> Path | None:
        """Find a file as it is named, with the separators of Windows, or in other capitals."""
        names = dict.fromkeys((file, file.replace("\\", "/")))
        bases = dict.fromkeys((folder, self.root))
        places = [_absolute(base / name) for base in bases for name in names]
        inside = [place for place in places if Path(place).is_relative_to(self._top)]
        for place in inside:
            found = self._files.get(place) or self._in_small.get(place.lower())
            if found is not None:
                return found
            if is_file(Path(place)):
                return Path(place)
        if len(inside) < len(places):
            raise UserError(f"{where} names a file outside {self.root}; move it inside.")
        if len(file) > MAX_NAME or "\0" in file:
            self.on_left_out(where, "what it names as file cannot be the name of one")
        else:
            self.on_left_out(file, "there is no such file")
        return None


def _absolute(path: Path) -> str:
    """Return a path without `..`, by its text: a link in the folder may lead out of it."""
    return os.path.normpath(path.absolute())


def is_file(path: Path) -> bool:
    """Say whether there is a file, also of names that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or none
        return False


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_LIST_BYTES:
            raise CaptionError("it is too large; part it")
        return decode_text(path.read_bytes())
    except OSError as error:
        raise CaptionError(f"it cannot be read: {error.strerror}") from None


def _json_rows(text: str) -> Iterator[tuple[int, Mapping[str, Any] | None]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            yield number, None
        else:
            yield number, row if isinstance(row, dict) else {}


def _table_rows(text: str, ending: str) -> Iterator[tuple[int, Mapping[str, Any] | None]]:
    lines = csv.reader(io.StringIO(text), delimiter="\t" if ending == ".tsv" else ",")
    head: list[str] | None = None
    while True:
        try:
            values = next(lines, None)
        except csv.Error:
            yield lines.line_num, None
            continue
        if values is None:
            return
        if head is None:
            head = [name.strip().lower() for name in values]
        elif values:
            yield lines.line_num, dict(zip(head, values, strict=False))


def _file_of(row: Mapping[str, Any]) -> str | None:
    values = {str(key).strip().lower(): value for key, value in row.items()}
    for key in FILE_KEYS:
        value = values.get(key)
        if isinstance(value, dict):
            value = value.get("path")
        if isinstance(value, str) and value.strip():
            return value.strip()
    return None
