"""Checks of prompts in a thread, so that no text holds up the event loop.

A network has one check of a kind running at a time, so the checks of one keep those of others
waiting no longer than a single text takes; prompts of jobs go before texts that are only judged.
Knows nothing of what is checked, nor of how often somebody may.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, TypeVar

Kind = Literal["job", "text"]
"""What a check is of; a job's prompt goes first."""

_Result = TypeVar("_Result")

NUM_THREADS = 1
"""Checks are Python, of which one thread runs at a time; more would take turns from the loop."""


@dataclass
class _Turn:
    """Where the checks of one network and kind wait for each other."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    num_waiting: int = 0


class CheckPool:
    """A thread, or a few, shared fairly by networks."""

    def __init__(self, num_threads: int = NUM_THREADS) -> None:
        """Start threads when they are first needed; `close` ends them."""
        self._threads = ThreadPoolExecutor(num_threads, thread_name_prefix="check")
        self._num_free = num_threads
        self._waiting: dict[Kind, deque[asyncio.Future[None]]] = {"job": deque(), "text": deque()}
        self._turns: dict[tuple[str, Kind], _Turn] = {}

    async def run(
        self, network: str, check: Callable[..., _Result], *given: object, kind: Kind = "job"
    ) -> _Result:
        """Return what a check returns, once it is the network's turn and a thread is free.

        Args:
            network: whose checks wait for each other.
            check: called in a thread, in the caller's context.
            given: its arguments.
            kind: what it is of.
        """
        call = partial(contextvars.copy_context().run, check, *given)
        with self._turn_of(network, kind) as turn:
            async with turn.lock, self._thread(kind):
                return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def close(self) -> None:
        """End the threads; checks that wait are left out."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def _turn_of(self, network: str, kind: Kind) -> Iterator[_Turn]:
        turn = self._turns.setdefault((network, kind), _Turn())
        turn.num_waiting += 1
        try:
            yield turn
        finally:
            turn.num_waiting -= 1
            if not turn.num_waiting:
                del self._turns[network, kind]

    @asynccontextmanager
    async def _thread(self, kind: Kind) -> AsyncIterator[None]:
        """Hold one of the threads, which is given to whoever waits for a job first."""
        if self._num_free:
            self._num_free -= 1
        else:
            given: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting[kind].append(given)
            try:
                await given
            except asyncio.CancelledError:
                if not given.cancelled():  # it came at the same moment
                    self._pass_on()
                raise
        try:
            yield
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        for waiting in (self._waiting["job"], self._waiting["text"]):
            while waiting:
                given = waiting.popleft()
                if not given.done():
                    given.set_result(None)
                    return
        self._num_free += 1
