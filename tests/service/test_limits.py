"""Laws of the limits: many keys cost no more than few, and what is past is forgotten."""

import asyncio
import dataclasses
import time
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from ninefold.service import limits as limits_module
from ninefold.service.limits import RateLimits
from ninefold.service.refusals import Refusal
from ninefold.service.visitors import (
    KnownVisitor,
    Requester,
    Tier,
    Visitors,
    address_share,
    new_id,
)
from tests.service.conftest import MakeSettings
from tests.service.running import SECRET

pytestmark = pytest.mark.anyio

_TIER = Tier("anonymous", "normal", 60.0, "3/hour", 1)


def visitor(name: str | None, *, network: str, rate: str = "3/hour") -> Requester:
    """A visitor with a cookie, or a newcomer without one."""
    tier = dataclasses.replace(_TIER, rate=rate)
    if name is None:
        return Requester(f"v:{new_id()}", address_share(network), network, tier, is_new=True)
    return Requester(f"v:{name}", f"v:{name}", network, tier)


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
        await limits.take(visitor("one", network="first", rate="10000/minute"), f"prompt {number}")
    await asyncio.sleep(0.1)
    await limits.take(visitor("one", network="first", rate="10000/minute"), "one more")
    await asyncio.sleep(0.2)
    assert calls < 10


async def test_a_prompt_is_counted_however_many_others_come(make_settings: MakeSettings) -> None:
    limits = RateLimits(make_settings(prompt_rate="4/minute"), SECRET)
    for number in range(50):
        who = visitor("one", network="first", rate="100/minute")
        await limits.take(who, "a red apple" if number < 2 else f"prompt {number}")
    with pytest.raises(Refusal, match="more than 2 jobs"):  # of a network
        await limits.take(visitor("three", network="first"), "a red apple")
    for name in ("four", "five"):
        await limits.take(visitor(name, network="second"), "a red apple")
    with pytest.raises(Refusal, match="more than 4 jobs"):
        await limits.take(visitor("six", network="third"), "a red apple")


async def test_a_job_costs_what_is_drawn_for_it(make_settings: MakeSettings) -> None:
    limits = RateLimits(make_settings(), SECRET)
    who = visitor("one", network="first", rate="2/hour")
    for number in range(18):
        await limits.take(who, f"prompt {number}", pictures=1)
    with pytest.raises(Refusal, match="more than 2 jobs"):
        await limits.take(who, "one more", pictures=1)
    other = visitor("two", network="first", rate="2/hour")
    await limits.take(other, "a", pictures=16)
    with pytest.raises(Refusal):
        await limits.take(other, "b", pictures=9)
    await limits.take(other, "c", pictures=2)


QUOTAS = {
    "address_rate": "9/hour",
    "prompt_rate": "12/hour",
    "refusals": "3/hour",
    "address_refusals": "9/hour",
}
ASKS = st.lists(
    st.one_of(
        st.tuples(st.just("draw"), st.sampled_from("pq"), st.integers(1, 36)),
        st.tuples(st.just("refused"), st.just(""), st.just(1)),
    ),
    max_size=25,
)


async def do(limits: RateLimits, who: Requester, ask: tuple[str, str, int]) -> str:
    kind, prompt, pictures = ask
    try:
        await limits.require_few_strikes(who)
        if kind == "refused":
            await limits.strike(who)
            return "refused"
        await limits.take(who, prompt, pictures)
    except Refusal as refusal:
        return refusal.code
    return "accepted"


async def all_of(limits: RateLimits, who: Requester, prompts: str) -> list[str]:
    return [await do(limits, who, ("draw", prompt, 9)) for prompt in prompts]


@given(asks=ASKS, has_cookie=st.booleans())
@hypothesis.settings(
    max_examples=25, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
)
def test_what_a_visitor_does_takes_nothing_from_others(
    make_settings: MakeSettings, asks: list[tuple[str, str, int]], has_cookie: bool
) -> None:
    async def check() -> None:
        settings = make_settings(**QUOTAS)
        quiet, loud = RateLimits(settings, SECRET), RateLimits(settings, SECRET)
        for ask in asks:  # a cookie is who it was; without one each request is a newcomer's
            await do(loud, visitor("one" if has_cookie else None, network="first"), ask)
        # Another network may do all that it may where nothing happened before.
        for number in range(4):
            other = visitor(f"other {number}", network="second")
            answers = [await all_of(limits, other, "pqpq") for limits in (quiet, loud)]
            assert answers[0] == answers[1]
        # Another visitor of the same network has a share of their own, also without a cookie yet
        # where the first has one.
        refusals = sum(kind == "refused" for kind, _, _ in asks)
        if has_cookie or refusals < 9:
            mate = visitor("mate", network="first")
            assert await all_of(loud, mate, "xyz") == ["accepted"] * 3
        if has_cookie:
            assert await all_of(loud, visitor(None, network="first"), "xyz") == ["accepted"] * 3

    asyncio.run(check())


async def test_twenty_refusals_without_a_cookie_shut_no_newcomer_out(
    make_settings: MakeSettings,
) -> None:
    limits = RateLimits(make_settings(), SECRET)
    for _ in range(20):
        assert await do(limits, visitor(None, network="first"), ("refused", "", 1)) == "refused"
    assert await do(limits, visitor(None, network="first"), ("draw", "p", 9)) == "accepted"
    for _ in range(200):
        await do(limits, visitor(None, network="first"), ("refused", "", 1))
    # Then work is asked for, which a newcomer's browser does; nobody is shut out.
    with pytest.raises(Refusal) as caught:
        await limits.require_few_strikes(visitor(None, network="first"))
    assert caught.value.code == "proof_of_work"
    assert await do(limits, visitor("other", network="second"), ("draw", "p", 9)) == "accepted"


async def test_who_is_refused_too_often_is_shut_out_alone(make_settings: MakeSettings) -> None:
    limits = RateLimits(make_settings(**QUOTAS), SECRET)
    one, mate = visitor("one", network="first"), visitor("mate", network="first")
    answers = [await do(limits, one, ("refused", "", 1)) for _ in range(5)]
    assert answers == ["refused"] * 3 + ["too_many_refusals"] * 2
    assert await do(limits, mate, ("draw", "p", 9)) == "accepted"


async def test_new_cookies_leave_half_of_a_networks_rate_to_those_who_were_there(
    make_settings: MakeSettings,
) -> None:
    limits = RateLimits(make_settings(**QUOTAS), SECRET)
    minted = [
        dataclasses.replace(visitor(f"minted {number}", network="first"), is_young=True)
        for number in range(20)
    ]
    answers = [await do(limits, who, ("draw", "p", 9)) for who in minted]
    assert answers == ["accepted"] * 4 + ["rate_limited"] * 16
    newcomer = dataclasses.replace(visitor(None, network="first"), is_young=True)
    assert await all_of(limits, newcomer, "x") == ["rate_limited"]
    assert await all_of(limits, visitor("there before", network="first"), "xyz") == ["accepted"] * 3
    assert await all_of(limits, visitor("as well", network="first"), "xy") == ["accepted"] * 2


def test_a_cookie_is_young_for_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    visitors, now = Visitors(SECRET), time.time()
    cookie = visitors.sign("somebody")
    assert visitors.read_cookie(cookie) == KnownVisitor("somebody", is_young=True)
    monkeypatch.setattr(time, "time", lambda: now + 3700)
    assert visitors.read_cookie(cookie) == KnownVisitor("somebody", is_young=False)
    before = str(URLSafeSerializer(SECRET, salt="ninefold-visitor").dumps("somebody"))
    assert visitors.read_cookie(before) == KnownVisitor("somebody", is_young=False)
    for other in ([], ["a"], [1, 2], {"a": 1}, 7, None):
        strange = URLSafeSerializer(SECRET, salt="ninefold-visitor").dumps(other)
        assert visitors.read_cookie(str(strange)) is None


async def test_requests_that_are_rejected_use_up_nothing(make_settings: MakeSettings) -> None:
    limits = RateLimits(make_settings(**QUOTAS), SECRET)
    one = visitor("one", network="first")
    answers = [await do(limits, one, ("draw", "p", 9)) for _ in range(100)]
    assert answers == ["accepted"] * 3 + ["rate_limited"] * 97
    for name in ("two", "three"):
        answers = await all_of(limits, visitor(name, network="first"), "xyz")
        assert answers == ["accepted"] * 3
    assert await all_of(limits, visitor("four", network="first"), "x") == ["rate_limited"]
    assert await all_of(limits, visitor("five", network="second"), "pp") == ["accepted"] * 2


@pytest.mark.parametrize(("rest_s", "kept"), [(3600.0, True), (0.0, False)])
async def test_hits_that_are_past_are_forgotten_after_a_rest_and_not_at_each_hit(
    monkeypatch: pytest.MonkeyPatch, rest_s: float, kept: bool
) -> None:
    monkeypatch.setattr(limits_module, "_FORGETTING_S", rest_s)
    storage = limits_module._InMemory()
    assert await storage.acquire_entry("past", 9, 0)
    for _ in range(3):
        assert await storage.acquire_entry("new", 9, 3600)
        if isinstance(storage.timer, asyncio.Task):
            await storage.timer
    assert ("past" in storage.events) is kept
    assert len(storage.events["new"]) == 3
