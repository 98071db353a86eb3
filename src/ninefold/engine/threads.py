"""How decoding and painting share the processor.

A picture is always painted with one thread, since the bits of a float32 convolution depend on their
number; several are painted at a time instead. While there is something to decode half of the
threads paint at most, and a decoding step takes what they leave. More threads than cores would make
each wait for the others at every operation.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class ThreadShare:
    """`total` threads for one decoding thread and `total` painting threads."""

    def __init__(self, total: int | None = None) -> None:
        self.total = total or torch.get_num_threads()
        self._changed = threading.Condition()
        self._is_decoding = False
        self._num_painting = 0

    def set_decoding(self, is_decoding: bool) -> None:
        """Say whether there is something to decode; more may paint when there is not."""
        if is_decoding != self._is_decoding:
            with self._changed:
                self._is_decoding = is_decoding
                self._changed.notify_all()

    def enter_step(self) -> int:
        """Give the calling thread's next decoding step its threads, and return how many."""
        with self._changed:
            number = max(1, self.total - self._num_painting)
        set_threads(number)
        return number

    @contextmanager
    def painting(self) -> Iterator[None]:
        """Paint a picture in the calling thread, once it is its turn."""
        with self._changed:
            self._changed.wait_for(lambda: self._num_painting < self._max_painting)
            self._num_painting += 1
        set_threads(1)
        try:
            yield
        finally:
            with self._changed:
                self._num_painting -= 1
                self._changed.notify_all()

    @property
    def _max_painting(self) -> int:
        return max(1, self.total // 2) if self._is_decoding else self.total


def set_threads(number: int) -> None:
    """Give the calling thread's operations so many threads."""
    if torch.get_num_threads() != number:  # asking first also settles a new thread's own number
        torch.set_num_threads(number)
