"""Batches concurrent calls: those that arrive during a batch form the next.

A batch takes little longer for many calls than for one, so more callers make batches larger instead
of later. A caller that is alone does not wait for others. One bad call fails alone: a batch that
raises is done again call by call. Knows nothing of what is done.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

_Ask = TypeVar("_Ask")
_Answer = TypeVar("_Answer")

_AT_ONCE = 8  # answers that are given before others of the process have their turn


class CallBatcher(Generic[_Ask, _Answer]):
    """Collects what is asked for, and has it done together."""

    def __init__(
        self,
        work: Callable[[Sequence[_Ask]], Awaitable[Sequence[_Answer | Exception]]],
        *,
        max_size: int,
        gather_s: float = 0.0,
        is_for_all: Callable[[Exception], bool] = lambda _: False,
    ) -> None:
        """Do rounds of some work.

        Args:
            work: returns an answer for each ask, in order; an error is raised to who asked. Where
                it raises one itself, it is called again for each ask of the round alone, so it
                must leave nothing behind then.
            max_size: most that one round takes.
            gather_s: seconds that a round waits for others before it begins.
            is_for_all: whether an error that `work` raised is not due to one of the asks, such as
                a database that is away; it is raised to all of the round.
        """
        self._work, self._max_size, self._gather_s = work, max_size, gather_s
        self._is_for_all = is_for_all
        self._waiting: deque[tuple[_Ask, asyncio.Future[_Answer]]] = deque()
        self._rounds: asyncio.Task[None] | None = None

    async def ask(self, ask: _Ask) -> _Answer:
        """Return the answer to one ask, once its round is done.

        Raises:
            Exception: what the work has for an answer, or raises.
        """
        answer: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((ask, answer))
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.create_task(self._go_round())
        return await answer

    async def _go_round(self) -> None:
        while self._waiting:
            if self._gather_s:
                await asyncio.sleep(self._gather_s)
            size = min(self._max_size, len(self._waiting))
            taken = [self._waiting.popleft() for _ in range(size)]
            taken = [each for each in taken if not each[1].done()]  # who asked has gone
            if taken:
                await self._answer(taken)

    async def _answer(self, taken: Sequence[tuple[_Ask, asyncio.Future[_Answer]]]) -> None:
        try:
            answers = await self._do([ask for ask, _ in taken])
        except asyncio.CancelledError:
            for _, future in (*taken, *self._waiting):
                future.cancel()
            self._waiting.clear()
            raise
        for place, ((_, future), answer) in enumerate(zip(taken, answers, strict=True), 1):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
            if place % _AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _do(self, asks: Sequence[_Ask]) -> Sequence[_Answer | Exception]:
        try:
            answers = await self._work(asks)
            if len(answers) != len(asks):
                raise AssertionError("each ask is answered")
        except Exception as error:
            if len(asks) == 1 or self._is_for_all(error):
                return [error] * len(asks)
        else:
            return answers
        # Whose error it was shows when each is alone.
        return [answer for ask in asks for answer in await self._do([ask])]
