"""Room on the disk: asked for before it is used, and explained when it runs out."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

from ninefold.errors import UserError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def free_bytes(folder: Path) -> int:
    """Return the free bytes of the disk that `folder` is on, or will be on once it is made."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free


def require_space(
    folder: Path, num_bytes: int, purpose: str, measure: Callable[[Path], int] = free_bytes
) -> None:
    """Make sure that there is room for `num_bytes` before any of them is written.

    Args:
        folder: where they will be written.
        num_bytes: how many.
        purpose: what for, to complete "There is no room ...".
        measure: how free space is found.

    Raises:
        UserError: there is not; the message says how much is needed and what to do.
    """
    free = measure(folder)
    if free < num_bytes:
        raise UserError(
            f"There is no room {purpose}: it takes {format_bytes(num_bytes)} and {folder} has "
            f"{format_bytes(free)} free; make room there, or set NINEFOLD_HOME to a folder on a "
            "larger disk."
        )


def explain_disk_error(error: OSError, folder: Path) -> UserError:
    """Turn a failure to write under `folder` into a sentence."""
    if error.errno in _FULL:
        return UserError(
            f"The disk of {folder} is full; make room there, or set NINEFOLD_HOME to a folder on a "
            "larger disk, and run the command again."
        )
    return UserError(f"Nothing can be written under {folder}: {error.strerror or error}.")


def format_bytes(num_bytes: int) -> str:
    """Return a size as people read it: `1.75 GB`, `434 bytes`."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if num_bytes >= size:
            return f"{num_bytes / size:.3g} {unit}"
    return f"{num_bytes} bytes"
