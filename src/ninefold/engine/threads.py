"""How decoding and painting share the processor.

A picture is always painted with one thread, since the bits of a float32 convolution depend on their
number; several are painted at a time instead. While there is something to decode half of the
threads paint at most, and a decoding step takes what they leave. More threads than cores would make
each wait for the others at every operation.
"""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from ninefold.engine.step_threads import StepThreads

_painting = threading.local()
"""`share`: the `ThreadShare` that the calling thread paints for."""


class ThreadShare:
    """`total` threads for one decoding thread and `total` painting threads."""

    def __init__(self, total: int | None = None, steps: StepThreads | None = None) -> None:
        self.total = total or torch.get_num_threads()
        self._steps = steps or StepThreads(self.total)
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
        """Give the calling thread's next decoding step its threads, and return how many.

        What painting leaves, or one where they would wait for each other (`step_threads`).
        """
        with self._changed:
            limit = max(1, self.total - self._num_painting)
        number = self._steps.choose(limit)
        set_threads(number)
        return number

    def measured_step(self) -> AbstractContextManager[None]:
        """Measure the step that follows, for the choice of the next one's threads."""
        return self._steps.measured()

    @contextmanager
    def painting(self) -> Iterator[None]:
        """Paint a picture in the calling thread, once it is its turn."""
        with self._changed:
            self._changed.wait_for(lambda: self._num_painting < self._max_painting)
            self._num_painting += 1
        set_threads(1)
        _painting.share = self
        try:
            yield
        finally:
            _painting.share = None
            with self._changed:
                self._num_painting -= 1
                self._changed.notify_all()

    def num_idle(self) -> int:
        """Return how many threads neither decode nor paint."""
        with self._changed:
            return 0 if self._is_decoding else self.total - self._num_painting

    @property
    def _max_painting(self) -> int:
        return max(1, self.total // 2) if self._is_decoding else self.total


@contextmanager
def wide_threads() -> Iterator[None]:
    """Give operations whose bits do not depend on it the threads that are idle as well.

    For the calling thread while it paints; the last of nine pictures has a machine for itself.
    """
    share: ThreadShare | None = getattr(_painting, "share", None)
    idle = share.num_idle() if share else 0
    if idle <= 0:
        yield
        return
    set_threads(1 + idle)
    try:
        yield
    finally:
        set_threads(1)


def set_threads(number: int) -> None:
    """Give the calling thread's operations so many threads."""
    if torch.get_num_threads() != number:  # asking first also settles a new thread's own number
        torch.set_num_threads(number)
