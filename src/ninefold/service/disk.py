"""A disk of this machine: what is free on it, and a ballast that is given back when nothing is.

Knows nothing of what lies there.
"""

import logging
import os
import shutil
from contextlib import suppress
from pathlib import Path

_log = logging.getLogger(__name__)


def free_bytes(folder: Path) -> float:
    """Return what is free on the disk of a folder; without a bound where that cannot be told."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:  # it is not there yet, or its disk is away, which is told elsewhere
        return float("inf")


class Ballast:
    """A file that takes some room while there is plenty, to be given back when there is none."""

    def __init__(self, path: Path, size: int) -> None:
        """Keep `size` bytes in a file."""
        self._path, self._size = path, size

    def keep(self) -> None:
        """Take the room, or give it back, as the disk is now. Never raises."""
        free = free_bytes(self._path.parent)
        with suppress(OSError):
            if self._path.exists():
                if free < self._size:
                    self._path.unlink()
                    _log.error("the disk is full; a reserve of it is given to the database")
            elif free > 4 * self._size and hasattr(os, "posix_fallocate"):
                with self._path.open("wb") as file:
                    os.posix_fallocate(file.fileno(), 0, self._size)
