"""How decoding and painting share the processor.

PyTorch keeps the number of threads of an operation per calling thread, so that the two can have
different ones: all of them where only one is at work, a part where both are. More threads than
cores would make each wait for the other at every operation.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class ThreadShare:
    """`total` threads for one decoding and one painting thread."""

    def __init__(self, total: int | None = None) -> None:
        self.total = total or torch.get_num_threads()
        self._lock = threading.Lock()
        self._num_active = {"decoding": 0, "painting": 0}

    @contextmanager
    def decoding(self) -> Iterator[None]:
        """Run decoding steps in the calling thread."""
        with self._active("decoding"):
            yield

    @contextmanager
    def painting(self) -> Iterator[None]:
        """Paint in the calling thread."""
        with self._active("painting"):
            yield

    @contextmanager
    def _active(self, kind: str) -> Iterator[None]:
        with self._lock:
            self._num_active[kind] += 1
            is_shared = all(self._num_active.values())
        set_threads(
            self._painting_part if is_shared and kind == "painting" else self._rest(is_shared)
        )
        try:
            yield
        finally:
            with self._lock:
                self._num_active[kind] -= 1

    @property
    def _painting_part(self) -> int:
        return max(1, self.total // 2)

    def _rest(self, is_shared: bool) -> int:
        return max(1, self.total - self._painting_part) if is_shared else self.total


def set_threads(number: int) -> None:
    """Give the calling thread's operations so many threads."""
    if torch.get_num_threads() != number:  # asking first also settles a new thread's own number
        torch.set_num_threads(number)
