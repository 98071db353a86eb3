"""A rate that is met when a test wants it, so that no test depends on how fast a machine is."""

import pytest

from ninefold.service.limits import Allowance, too_many
from ninefold.service.visitors import Requester
from tests.service.running import RunningService


def turn_away_once(service: RunningService, prompt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first request for a prompt be beyond the rate, as the limits would say it."""
    limits, is_first = service.gateway.limits, True
    take = limits.take

    async def take_later(requester: Requester, text: str, *given: int) -> Allowance:
        nonlocal is_first
        if text == prompt and is_first:
            is_first = False
            raise too_many(Allowance("address", 1, 1, remaining=0, reset_s=1))
        return await take(requester, text, *given)

    monkeypatch.setattr(limits, "take", take_later)
