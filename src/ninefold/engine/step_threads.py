"""How many threads the next decoding step takes: all of them, or one where they would wait.

Threads of PyTorch meet at the end of every operation, some hundred times a step. Where other
programs keep the cores busy, one of them is always put aside, and all wait for it: two threads then
take ten times as long as one. So a step begins alone, and takes more threads only while nobody
takes processor time from it and the threads do meet without delay, which is looked at now and then
and costs about a hundredth of the time. The pictures are the same: the bits of a step do not
depend on its threads, and pictures are painted with one each.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch

CALM_SHARE = 0.85
"""Share of a step's time that its thread has a core for, below which somebody else wants it."""
EVIDENCE_S = 0.02
"""Time of steps from which that share is judged: longer than others run at a stretch."""
LOOK_EVERY_S = 0.3
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 8.0
"""After threads did not meet, one goes alone for so long before they are looked at again."""

_LOOK_S = 0.005
_LATE_S = 0.001  # a meeting of threads that run takes a hundredth of that
_GRAIN = 40_000  # numbers a thread: above what PyTorch gives one alone


class Meter(Protocol):
    """What is measured."""

    def wall(self) -> float:
        """Seconds on the clock."""
        ...

    def processor(self) -> float:
        """Seconds for which the calling thread had a core."""
        ...

    def num_cores(self) -> int:
        """Cores that this process may use."""
        ...

    def can_meet(self, number: int) -> bool:
        """Whether so many threads meet at the ends of operations without delay."""
        ...


class StepThreads:
    """Chooses for the steps of one decoding thread at a time."""

    def __init__(self, total: int, meter: Meter | None = None) -> None:
        """`total`: threads at most."""
        self._meter = meter or ProcessMeter()
        self._most = max(1, min(total, self._meter.num_cores()))
        self._number = 1
        self._wall = self._processor = 0.0
        self._next_look, self._pause = 0.0, FIRST_PAUSE_S

    def choose(self, limit: int) -> int:
        """Return how many threads the next step takes, `limit` at most."""
        most = min(self._most, limit)
        if most > 1 and self._wall >= EVIDENCE_S:
            is_calm = self._processor >= CALM_SHARE * self._wall
            self._wall = self._processor = 0.0
            self._look(most, self._meter.wall(), is_calm=is_calm)
        return min(self._number, most)

    def _look(self, most: int, now: float, *, is_calm: bool) -> None:
        if not is_calm:
            self._number = 1
            self._next_look = max(self._next_look, now + FIRST_PAUSE_S)
        elif now >= self._next_look:
            if self._meter.can_meet(most):
                self._number = self._most
                self._next_look, self._pause = now + LOOK_EVERY_S, FIRST_PAUSE_S
            else:
                self._number = 1
                self._next_look = now + self._pause
                self._pause = min(2 * self._pause, LONGEST_PAUSE_S)

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure a step, or what is left of it after it has chosen."""
        wall, processor = self._meter.wall(), self._meter.processor()
        try:
            yield
        finally:
            self._wall += self._meter.wall() - wall
            self._processor += self._meter.processor() - processor


class ProcessMeter:
    """Measures this process."""

    def wall(self) -> float:
        """Seconds on the clock."""
        return time.perf_counter()

    def processor(self) -> float:
        """Seconds for which the calling thread had a core."""
        return time.thread_time()

    def num_cores(self) -> int:
        """Cores that this process may use."""
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1

    def can_meet(self, number: int) -> bool:
        """Let threads meet for as long as others may run at a stretch, or until they are late."""
        before = torch.get_num_threads()
        torch.set_num_threads(number)
        try:
            numbers = torch.zeros(number * _GRAIN)
            numbers.add_(1)  # wakes them
            start = end = time.perf_counter()
            num_late = 0
            while end - start < _LOOK_S:
                numbers.add_(1)
                last, end = end, time.perf_counter()
                num_late += end - last > _LATE_S
            # Once Python itself may have been waited for, which takes 5 ms.
            return num_late < 2 and end - start < 3 * _LOOK_S
        finally:
            torch.set_num_threads(before)
