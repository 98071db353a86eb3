"""Prometheus' files of counts, so that no full disk and no lack of descriptors ends a process.

The library maps a sparse file and lets it grow. Where the disk is full, writing to what is mapped
ends the process (SIGBUS), and where a file cannot grow, whatever is counted raises. Here the blocks
are allocated before they are mapped, and where that fails counts go on in memory: this process is
missing at /metrics, and everything else works.
"""

import logging
import mmap
import os
from pathlib import Path
from typing import Any

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

FIRST_BYTES = 1 << 20
"""Size of a new file: some 5,000 counts, so that it hardly ever has to grow."""

_log = logging.getLogger(__name__)


class AllocatedCounts(MmapedDict):
    """The library's dictionary in a mapped file, whose blocks are there before they are mapped."""

    _f: Any
    _m: Any
    _capacity: int
    _used: int
    _positions: dict[str, int]

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        """Map a file, made if need be; memory where that cannot be done."""
        self._fname, self._f = filename, None
        self._positions, self._used = {}, 8
        try:
            with Path(filename).open("a+b") as file:
                _allocate(file.fileno(), max(FIRST_BYTES, os.fstat(file.fileno()).st_size))
            super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]  # the library's
        except (OSError, ValueError, RuntimeError) as error:
            self._go_on_in_memory(error, FIRST_BYTES)

    def _init_value(self, key: str) -> None:
        needed = self._used + len(key.encode()) + 64
        if needed > self._capacity:
            self._grow(max(needed, 2 * self._capacity))
        super()._init_value(key)  # type: ignore[no-untyped-call]  # the library's

    def _grow(self, capacity: int) -> None:
        if self._f is not None:
            try:
                _allocate(self._f.fileno(), capacity)
                self._m, self._capacity = mmap.mmap(self._f.fileno(), capacity), capacity
                return
            except (OSError, ValueError) as error:
                self._go_on_in_memory(error, capacity)
                return
        self._copy_to_memory(capacity)

    def _go_on_in_memory(self, error: Exception, capacity: int) -> None:
        _log.warning(
            "%s cannot be kept (%s); this process is missing at /metrics", self._fname, error
        )
        if self._f is not None:
            self._f.close()
            self._f = None
        self._copy_to_memory(capacity)

    def _copy_to_memory(self, capacity: int) -> None:
        old = getattr(self, "_m", None)
        self._m, self._capacity = mmap.mmap(-1, capacity), capacity
        if old is not None:
            self._m[: self._used] = old[: self._used]
        self._m[0:4] = self._used.to_bytes(4, "little")


def _allocate(file: int, size: int) -> None:
    """Have a file's blocks on the disk, all zero where they are new.

    Raises:
        OSError: the disk is full.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:  # macOS: written, they are there
        missing = size - os.fstat(file).st_size
        os.pwrite(file, bytes(max(0, missing)), size - max(0, missing))


def install() -> None:
    """Have the library keep its files so; must be called before anything is counted."""
    vars(values)["MmapedDict"] = AllocatedCounts  # what its values are made of
