"""Laws of the limits: many keys cost no more than few, and what is past is forgotten."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from ninefold.service.limits import RateLimits
from ninefold.service.problems import Problem
from tests.service.conftest import MakeSettings
from tests.service.running import SECRET

pytestmark = pytest.mark.anyio


async def test_a_burst_of_different_prompts_is_counted_without_a_thread_for_each(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = RateLimits(make_settings(), SECRET)
    calls = 0
    to_thread = asyncio.to_thread

    async def counted(work: Callable[..., Any], *given: Any) -> Any:
        nonlocal calls
        calls += 1
        return await to_thread(work, *given)

    monkeypatch.setattr(asyncio, "to_thread", counted)
    for number in range(300):
        await limits.take_prompt(f"prompt {number}")
    await asyncio.sleep(0.1)
    await limits.take_prompt("one more")
    await asyncio.sleep(0.2)
    assert calls < 10


async def test_a_prompt_is_counted_however_many_others_come(make_settings: MakeSettings) -> None:
    limits = RateLimits(make_settings(prompt_rate="2/minute"), SECRET)
    for number in range(50):
        await limits.take_prompt("a red apple" if number < 2 else f"prompt {number}")
    with pytest.raises(Problem, match="more than 2 jobs"):
        await limits.take_prompt("a red apple")
