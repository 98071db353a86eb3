"""Keeps what was read last for a few seconds, so that a picture that everybody opens is read once.

Short-lived on purpose: a picture that is removed is gone everywhere within `SECONDS`.
"""

import time
from collections import OrderedDict

SECONDS = 5.0
"""How long something is kept."""

MAX_BYTES = 64 * 2**20


class MemoryCache:
    """The last contents by key, up to a number of bytes and seconds."""

    def __init__(self, max_bytes: int = MAX_BYTES, seconds: float = SECONDS) -> None:
        self._max_bytes, self._seconds = max_bytes, seconds
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._num_bytes = 0

    def get(self, key: str) -> bytes | None:
        """Return what was put under a key lately."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if time.monotonic() - entry[0] > self._seconds:
            self.drop(key)
            return None
        return entry[1]

    def put(self, key: str, data: bytes) -> None:
        """Keep a content, and let go of the oldest where there is too much."""
        self.drop(key)
        self._entries[key] = (time.monotonic(), data)
        self._num_bytes += len(data)
        while self._num_bytes > self._max_bytes and self._entries:
            self.drop(next(iter(self._entries)))

    def drop(self, key: str) -> None:
        """Let go of what was put under a key, if anything was."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._num_bytes -= len(entry[1])
