"""Laws of checking prompts: it holds up nobody, is counted first, and is bounded by length."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from sqlalchemy import URL

from ninefold.safety.prompt_policy import PromptPolicy
from ninefold.safety.verdict import Verdict
from ninefold.service.check_pool import CheckPool
from ninefold.text.prompt import clean_prompt
from tests.patience import PATIENCE_S
from tests.service.conftest import MakeSettings
from tests.service.fake_engine import FakeEngine
from tests.service.running import RunningService, running_service

pytestmark = pytest.mark.anyio

PROMPT = "a red apple"


class HeldPolicy:
    """A policy whose checks wait, in the thread that they are made in."""

    def __init__(self) -> None:
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self.checked: list[str] = []
        self._policy = PromptPolicy()

    def check(self, prompt: str, negative_prompt: str | None = None) -> Verdict:
        """Wait to be let go on, and say what Ninefold's own policy says."""
        self.checked.append(prompt)
        self.has_begun.set()
        assert self.may_end.wait(PATIENCE_S), "the event loop waits for the check"
        return self._policy.check(prompt, negative_prompt)


async def until(event: threading.Event) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not event.is_set():
            await asyncio.sleep(0.01)


Ask = Callable[[RunningService, dict[str, Any]], Awaitable[httpx2.Response]]

ASKS: dict[str, Ask] = {
    "job": lambda service, _: service.http.post("/api/v1/jobs", json={"prompt": PROMPT}),
    "moderation": lambda service, _: service.http.post("/v1/moderations", json={"input": PROMPT}),
    "publishing": lambda service, job: service.http.post(f"/api/v1/jobs/{job['id']}/publish"),
}


@pytest.mark.parametrize("kind", ASKS)
async def test_others_are_answered_while_a_prompt_is_checked(
    drawing_service: RunningService, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    gateway, policy = drawing_service.gateway, HeldPolicy()
    job = await drawing_service.ended((await drawing_service.post(PROMPT))["id"])
    monkeypatch.setattr(gateway, "policy", policy)
    monkeypatch.setattr(gateway.admission, "_policy", policy)
    asking = asyncio.ensure_future(ASKS[kind](drawing_service, job))
    await until(policy.has_begun)
    assert (await drawing_service.http.get("/livez")).status_code == 200
    assert not asking.done()
    policy.may_end.set()
    assert (await asking).status_code in (200, 202)


async def test_a_worker_goes_on_while_it_checks_a_prompt(service: RunningService) -> None:
    policy = HeldPolicy()
    await service.add_worker(FakeEngine(), policy=policy)
    job = await service.post(PROMPT)
    await until(policy.has_begun)
    assert (await service.job(job["id"]))["status"] == "drawing"
    policy.may_end.set()
    assert (await service.ended(job["id"]))["status"] == "done"


async def test_checks_of_one_network_wait_for_each_other_and_not_for_those_of_others() -> None:
    pool, let_go = CheckPool(num_threads=2), threading.Event()
    running: list[str] = []

    def hold(name: str) -> str:
        running.append(name)
        assert let_go.wait(PATIENCE_S)
        return name

    many = [asyncio.create_task(pool.run("loud", hold, f"loud {n}")) for n in range(20)]
    async with asyncio.timeout(PATIENCE_S):
        while not running:
            await asyncio.sleep(0.01)
    assert await pool.run("quiet", lambda: "quiet") == "quiet"
    assert running == ["loud 0"]
    many[5].cancel()
    let_go.set()
    answers = await asyncio.gather(*many, return_exceptions=True)
    assert [answer for answer in answers if isinstance(answer, str)] == [
        f"loud {n}" for n in range(20) if n != 5
    ]
    assert pool._turns == {}
    pool.close()


async def test_prompts_of_jobs_go_before_texts_that_are_only_judged() -> None:
    pool, let_go = CheckPool(num_threads=1), threading.Event()
    begun: list[str] = []

    def note(name: str) -> None:
        begun.append(name)
        assert let_go.wait(PATIENCE_S)

    texts = [
        asyncio.create_task(pool.run(f"network {n}", note, f"text {n}", kind="text"))
        for n in range(5)
    ]
    async with asyncio.timeout(PATIENCE_S):
        while not begun:
            await asyncio.sleep(0.01)
    jobs = [asyncio.create_task(pool.run(f"network {n}", note, f"job {n}")) for n in range(3)]
    await asyncio.sleep(0)
    jobs[1].cancel()
    texts[4].cancel()
    let_go.set()
    await asyncio.gather(*jobs, *texts, return_exceptions=True)
    assert begun == ["text 0", "job 0", "job 2", "text 1", "text 2", "text 3"]
    assert (pool._num_free, pool._turns) == (1, {})
    pool.close()


async def test_an_error_of_a_check_is_for_whom_it_is() -> None:
    pool = CheckPool()
    with pytest.raises(ZeroDivisionError):
        await pool.run("a", lambda: 1 // 0)
    assert await pool.run("a", max, 1, 2) == 2
    pool.close()


def counting(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> HeldPolicy:
    policy = HeldPolicy()
    policy.may_end.set()
    monkeypatch.setattr(service.gateway, "policy", policy)
    monkeypatch.setattr(service.gateway.admission, "_policy", policy)
    return policy


async def test_what_is_checked_is_counted_first_whatever_comes_of_it(
    database_url: URL, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings(anonymous_rate="3/day", refusals="100/day")
    async with running_service(settings, database_url) as service:
        policy = counting(service, monkeypatch)
        answers = [
            await service.http.post("/api/v1/jobs", json={"prompt": prompt})
            for prompt in (PROMPT, *["child porn"] * 8)
        ]
        statuses = [answer.status_code for answer in answers]
        # The first comes without a cookie, and six may be checked of each visitor.
        assert statuses == [202, *[422] * 6, *[429] * 2]
        assert len(policy.checked) == 7
        assert answers[-1].json()["code"] == "rate_limited"
        assert int(answers[-1].headers["retry-after"]) > 0
        moderated = await service.http.post("/v1/moderations", json={"input": PROMPT})
        assert moderated.status_code == 429
        assert len(policy.checked) == 7


async def test_each_text_that_is_moderated_counts(
    database_url: URL, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_service(make_settings(anonymous_rate="3/day"), database_url) as service:
        policy = counting(service, monkeypatch)
        texts = [f"apple {number}" for number in range(4)]
        assert (
            await service.http.post("/v1/moderations", json={"input": texts})
        ).status_code == 200
        answer = await service.http.post("/v1/moderations", json={"input": texts})
        assert (answer.status_code, len(policy.checked)) == (429, 4)
        assert "set-cookie" not in answer.headers


async def test_networks_without_cookies_are_counted_by_network(
    database_url: URL, make_settings: MakeSettings
) -> None:
    settings = make_settings(anonymous_rate="2/day", trusted_proxies="127.0.0.1")
    async with running_service(settings, database_url) as service:

        async def moderate(network: int) -> int:
            headers = {"X-Forwarded-For": f"10.0.0.{network}"}
            answer = await service.http.post(
                "/v1/moderations", json={"input": PROMPT}, headers=headers
            )
            return int(answer.status_code)

        assert [await moderate(1) for _ in range(6)] == [200] * 4 + [429] * 2
        assert await moderate(2) == 200


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
async def test_what_is_too_long_is_refused_unread(
    service: RunningService, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    read: list[int] = []

    def measured(text: str, *given: Any, **named: Any) -> Any:
        read.append(len(text))
        return clean_prompt(text, *given, **named)

    monkeypatch.setattr("ninefold.service.jobs.admission.clean_prompt", measured)
    long = "x " * 20_000
    settings = {"negative_prompt": long, "condition_scale": 3} if field != "prompt" else {}
    body = {"prompt": long if field == "prompt" else PROMPT, "settings": settings}
    answer = await service.http.post("/api/v1/jobs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert max(read, default=0) <= service.settings.max_prompt_characters
