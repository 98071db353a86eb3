"""Refused prompts are told why, kept without their words, and counted against who sent them."""

import pytest
from sqlalchemy import URL

from ninefold.safety.prompt_policy import PromptPolicy
from ninefold.safety.verdict import Verdict
from ninefold.service.administration import Administration
from tests.service.conftest import MakeSettings
from tests.service.fake_engine import FakeEngine
from tests.service.running import RunningService, running_service

pytestmark = pytest.mark.anyio

REFUSED = "a swastika flag"


def hand_of(service: RunningService) -> Administration:
    gateway = service.gateway
    return Administration(gateway.database, gateway.queue, gateway.objects)


async def ask(service: RunningService, prompt: str) -> tuple[int, dict[str, object]]:
    answer = await service.http.post("/api/v1/jobs", json={"prompt": prompt})
    return answer.status_code, answer.json()


async def test_a_refusal_says_its_rule_and_leaves_a_row_without_the_prompt(
    service: RunningService,
) -> None:
    status, problem = await ask(service, REFUSED)
    assert (status, problem["code"]) == (422, "prompt_refused")
    assert isinstance(problem["refusal"], dict)
    assert problem["refusal"]["rule"] == "hate-terms"
    assert problem["refusal"]["appeal"]
    (row,) = await hand_of(service).decisions(1)
    assert (row["action"], row["category"], row["rule"]) == ("refuse", "hate", "hate-terms")
    assert row["policy_version"]
    assert "swastika" not in str(row)


async def test_a_prompt_is_kept_where_the_operator_wants_it(
    database_url: URL, make_settings: MakeSettings
) -> None:
    async with running_service(make_settings(keep_refused_prompts=True), database_url) as service:
        await ask(service, REFUSED)
        (row,) = await hand_of(service).decisions(1)
    assert row["prompt"] == REFUSED


async def test_who_is_refused_too_often_has_to_wait(
    database_url: URL, make_settings: MakeSettings
) -> None:
    async with running_service(make_settings(refusals="2/hour"), database_url) as service:
        await ask(service, "a red apple")
        for _ in range(2):
            assert (await ask(service, REFUSED))[0] == 422
        status, problem = await ask(service, "a red apple")
    assert (status, problem["code"]) == (429, "too_many_refusals")


async def test_a_prompt_is_drawn_so_often_and_no_more(
    database_url: URL, make_settings: MakeSettings
) -> None:
    async with running_service(make_settings(prompt_rate="1/hour"), database_url) as service:
        assert (await ask(service, "a red apple"))[0] == 202
        assert (await ask(service, "a green apple"))[0] == 202
        status, problem = await ask(service, "a red apple")
    assert (status, problem["code"]) == (429, "rate_limited")


async def test_a_forgotten_job_leaves_nothing_but_what_was_decided(
    service: RunningService,
) -> None:
    await service.add_worker(FakeEngine())
    job = await service.ended((await service.post("a red apple", seed=1))["id"])
    assert await hand_of(service).forget(job["id"]) == 9
    assert (await service.http.get(f"/api/v1/jobs/{job['id']}")).status_code == 404
    assert not await service.gateway.objects.keys("pictures")
    rows = await hand_of(service).decisions(1)
    assert [row["job_id"] for row in rows] == [job["id"]]


class StricterPolicy:
    """A policy that has changed since the prompt was accepted."""

    def check(self, _prompt: str, _negative_prompt: str | None = None) -> Verdict:
        return PromptPolicy.load().check(REFUSED)


async def test_a_policy_that_has_changed_refuses_what_still_waits(service: RunningService) -> None:
    job = await service.post("a red apple")
    engine = FakeEngine()
    await service.add_worker(engine, policy=StricterPolicy())
    ended = await service.ended(job["id"])
    assert (ended["status"], ended["refusal"]["rule"]) == ("refused", "hate-terms")
    assert ended["refusal"]["appeal"]
    assert (engine.drawn, ended["pictures"]) == ([], [])
    decided = await hand_of(service).decisions(1)
    assert [row["action"] for row in decided] == ["allow", "refuse"]
    assert {row["job_id"] for row in decided} == {job["id"]}


async def test_who_waits_on_another_surface_is_told_of_it(service: RunningService) -> None:
    await service.add_worker(FakeEngine(), policy=StricterPolicy())
    answer = await service.http.post("/generate", json={"prompt": "a red apple"})
    assert (answer.status_code, answer.json()["code"]) == (422, "prompt_refused")


async def test_a_network_is_limited_whoever_asks_from_it(
    database_url: URL, make_settings: MakeSettings
) -> None:
    async with running_service(make_settings(address_rate="4/hour"), database_url) as service:
        for prompt in ("a red apple", "a green apple"):  # half of it is for newcomers
            service.http.cookies.clear()
            assert (await ask(service, prompt))[0] == 202
        service.http.cookies.clear()
        status, problem = await ask(service, "a blue apple")
    assert (status, problem["code"]) == (429, "rate_limited")
