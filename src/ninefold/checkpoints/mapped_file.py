"""Gives back the memory of weights that are mapped from a file and were read for the last time.

The pages of a mapped file count as this process's memory once they are touched. What was packed
into another form needs them no more; the kernel reads them again should anybody look. Does nothing
for tensors that are not of the file, nor where the system has no /proc or no `madvise`.
"""

import ctypes
import mmap
import os
from pathlib import Path

from torch import Tensor

_DONT_NEED = 4  # MADV_DONTNEED of Linux


class MappedFile:
    """The places in memory at which a file is mapped at this moment."""

    def __init__(self, path: Path) -> None:
        self._places = _places_of(path)

    def holds(self, tensor: Tensor) -> bool:
        """Return whether a tensor lies in the file.

        Holds for as long as a tensor of the file is alive; after that the system may give its place
        to something else.
        """
        start, size = tensor.data_ptr(), tensor.numel() * tensor.element_size()
        return any(low <= start and start + size <= high for low, high in self._places)

    def release(self, tensor: Tensor) -> int:
        """Give back the whole pages of a tensor, which must not have been written to.

        Returns:
            The number of bytes; 0 for a tensor that is not of the file.
        """
        if not self.holds(tensor):
            return 0
        start, size = tensor.data_ptr(), tensor.numel() * tensor.element_size()
        first = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
        last = (start + size) // mmap.PAGESIZE * mmap.PAGESIZE
        if last <= first:
            return 0
        madvise = ctypes.CDLL(None).madvise
        failed = madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), _DONT_NEED)
        return 0 if failed else last - first


def _places_of(path: Path) -> list[tuple[int, int]]:
    """Address ranges that Linux says are mapped from the file."""
    name = os.fsencode(path.resolve())
    try:
        lines = Path("/proc/self/maps").read_bytes().splitlines()
    except OSError:
        return []
    places: list[tuple[int, int]] = []
    for line in lines:
        if line.endswith(name):
            low, high = (int(part, 16) for part in line.split(b" ", 1)[0].split(b"-"))
            if places and places[-1][1] == low:  # the kernel may have parted one mapping
                low = places.pop()[0]
            places.append((low, high))
    return places
