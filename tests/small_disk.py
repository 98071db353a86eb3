"""A file system of a few MiB in memory, for tests of what happens where a disk is full.

Only a machine that lets a test mount has one; where it does not (a container without that
capability), `conftest` deselects these tests and says so.
"""

import functools
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """Have a file system of its own in a folder, which is there already."""
    options = f"size={mebibytes}m,mode=755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@functools.cache
def why_no_disk() -> str | None:
    """Return why this machine has no such file system; None if it has."""
    with tempfile.TemporaryDirectory() as name:
        try:
            with small_disk(Path(name), 1):
                return None
        except (OSError, subprocess.CalledProcessError):
            return "mounting is not allowed here"
