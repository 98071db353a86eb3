"""Checks of prompts in a few threads, so that no text holds up the event loop.

A network has one check running at a time, so the checks of one keep those of others waiting no
longer than a single text takes. Knows nothing of what is checked, nor of how often somebody may.
"""

import asyncio
import contextvars
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec, TypeVar

_Result = TypeVar("_Result")
_Given = ParamSpec("_Given")

NUM_THREADS = 2


@dataclass
class _Turn:
    """The place where the checks of one network wait for each other."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    num_waiting: int = 0


class CheckPool:
    """A few threads, shared fairly by networks."""

    def __init__(self, num_threads: int = NUM_THREADS) -> None:
        """Start threads when they are first needed; `close` ends them."""
        self._threads = ThreadPoolExecutor(num_threads, thread_name_prefix="check")
        self._turns: dict[str, _Turn] = {}

    async def run(
        self,
        network: str,
        check: Callable[_Given, _Result],
        *given: _Given.args,
        **named: _Given.kwargs,
    ) -> _Result:
        """Return what a check returns, once it is the network's turn.

        Args:
            network: whose checks wait for each other.
            check: called in a thread, in the caller's context.
            given: its arguments.
            named: its arguments by name.
        """
        context = contextvars.copy_context()
        call = partial(context.run, partial(check, *given, **named))
        with self._turn_of(network) as turn:
            async with turn.lock:
                return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def close(self) -> None:
        """End the threads; checks that wait are left out."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def _turn_of(self, network: str) -> Iterator[_Turn]:
        turn = self._turns.setdefault(network, _Turn())
        turn.num_waiting += 1
        try:
            yield turn
        finally:
            turn.num_waiting -= 1
            if not turn.num_waiting:
                del self._turns[network]
