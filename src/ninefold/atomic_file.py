"""Files that appear whole or not at all: written beside their place, put on the disk, then named.

`atomic_write` replaces what is there, `write_new` never does. Does not know what the files hold;
folders are `checkpoints.atomic_folder`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write; when the block ends well, it is at `path` in place of the old one.

    A kill or a power cut at any moment leaves the old file or the new one. A process that is
    killed leaves a hidden `.NAME.part`, which the next write of that file overwrites; so only one
    process at a time may write to a path.

    Raises:
        OSError: the file cannot be written; the old one stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
            _sync(file)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_new(path: Path, data: bytes) -> Path:
    """Write `data` to `path`, where nothing may be yet, and return `path`.

    Several processes may try at once: one of them succeeds.

    Raises:
        FileExistsError: something is at `path` already; it stays as it is.
        OSError: the folder cannot be written to, or the disk is full; nothing is left behind.
    """
    part = path.parent / f".{os.urandom(8).hex()}.part"
    try:
        with part.open("xb") as file:
            file.write(data)
            _sync(file)
        _publish(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _publish(part: Path, path: Path) -> None:
    """Give a finished file its name, unless something has that name."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links (FAT, some network shares): take the name, then fill it.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        try:
            part.replace(path)
        except OSError:
            path.unlink()
            raise
