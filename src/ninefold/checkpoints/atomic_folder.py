"""A folder that appears whole or not at all: filled beside its place, then renamed.

Whatever stops the filling, an error or the keyboard, removes what there was of it. Only a process
that is killed leaves something, a hidden folder whose name ends in ".part".
"""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ninefold.checkpoints.disk import explain_disk_error
from ninefold.errors import UserError


@contextmanager
def new_folder(place: Path, mark: str, *, replace: bool = False) -> Iterator[Path]:
    """Give a folder to fill; when the block ends well, it is at `place`.

    Args:
        place: where it is to be; nothing, or an empty folder, may be there unless `replace`.
        mark: a file that shows that a folder may be replaced, such as "config.json".
        replace: whether a folder with the mark is replaced.

    Raises:
        UserError: the place is taken or cannot be written.
    """
    part = place.parent / f".{place.name}.{secrets.token_hex(4)}.part"
    try:
        _check_place(place, mark, replace)
        part.mkdir(parents=True)
        yield part
        _put_in_place(part, place, replace)
    except OSError as error:
        raise explain_disk_error(error, place.parent) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _check_place(place: Path, mark: str, replace: bool) -> None:
    if place.exists() and not place.is_dir():
        raise UserError(f"{place} is a file; name a folder.")
    if place.is_dir() and any(place.iterdir()):
        if not replace:
            raise UserError(f"{place} is not empty; remove it, or name another folder.")
        if not (place / mark).is_file():
            raise UserError(f"{place} holds other files, which are kept; name another folder.")


def _put_in_place(part: Path, place: Path, replace: bool) -> None:
    old = part.with_suffix(".old")
    if replace and place.exists():
        place.rename(old)
    try:
        part.rename(place)
    except OSError:
        if old.exists():
            old.rename(place)
            raise
        if place.exists():
            raise UserError(f"{place} was written by another process in the meantime.") from None
        raise
    shutil.rmtree(old, ignore_errors=True)
