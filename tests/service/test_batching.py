"""Laws of rounds: who waits is taken together, answers go to who asked, errors to whom they are."""

import asyncio
from collections.abc import Sequence

import pytest

from ninefold.service.batching import CallBatcher

pytestmark = pytest.mark.anyio


class Doubling:
    """Work that can be held up, and remembers its rounds."""

    def __init__(self) -> None:
        self.rounds: list[list[int]] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def __call__(self, asks: Sequence[int]) -> list[int | Exception]:
        self.rounds.append(list(asks))
        await self.may_go_on.wait()
        if 13 in asks:
            raise LookupError("thirteen")
        return [ValueError(ask) if ask < 0 else 2 * ask for ask in asks]


async def test_what_is_asked_for_during_a_round_is_done_in_the_next() -> None:
    work = Doubling()
    rounds = CallBatcher(work, max_size=3)
    work.may_go_on.clear()
    asked = [asyncio.create_task(rounds.ask(number)) for number in range(6)]
    await asyncio.sleep(0.01)
    work.may_go_on.set()
    assert await asyncio.gather(*asked) == [0, 2, 4, 6, 8, 10]
    assert work.rounds == [[0, 1, 2], [3, 4, 5]]
    assert await rounds.ask(7) == 14
    assert work.rounds[2:] == [[7]]


async def test_a_round_waits_for_others_where_it_is_told_to() -> None:
    work = Doubling()
    rounds = CallBatcher(work, max_size=10, gather_s=0.05)
    first = asyncio.create_task(rounds.ask(1))
    await asyncio.sleep(0.01)
    assert (await rounds.ask(2), await first) == (4, 2)
    assert work.rounds == [[1, 2]]


async def test_an_error_is_for_whom_it_is() -> None:
    rounds = CallBatcher(Doubling(), max_size=10)
    answers = await asyncio.gather(*map(rounds.ask, (1, -2, 3)), return_exceptions=True)
    assert (answers[0], answers[2]) == (2, 6)
    assert isinstance(answers[1], ValueError)
    answers = await asyncio.gather(*map(rounds.ask, (1, 13, 5, -3)), return_exceptions=True)
    assert (answers[0], answers[2]) == (2, 10)
    assert [type(answers[place]) for place in (1, 3)] == [LookupError, ValueError]
    assert await rounds.ask(4) == 8


async def test_an_error_that_concerns_all_is_not_met_once_for_each() -> None:
    work = Doubling()
    rounds = CallBatcher(work, max_size=10, is_for_all=lambda error: isinstance(error, LookupError))
    answers = await asyncio.gather(*map(rounds.ask, (1, 13)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [LookupError, LookupError]
    assert work.rounds == [[1, 13]]


async def test_who_has_gone_is_not_worked_for() -> None:
    work = Doubling()
    rounds = CallBatcher(work, max_size=10)
    work.may_go_on.clear()
    asked = [asyncio.create_task(rounds.ask(number)) for number in (1, 2)]
    await asyncio.sleep(0.01)
    late = [asyncio.create_task(rounds.ask(number)) for number in (3, 4)]
    await asyncio.sleep(0.01)
    asked[0].cancel()
    late[0].cancel()
    work.may_go_on.set()
    assert [await asked[1], await late[1]] == [4, 8]
    assert work.rounds == [[1, 2], [4]]
