"""Laws of a database that is away for a moment: visitors do not notice, and nothing comes twice."""

import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from sqlalchemy import URL, event, func, select, text
from sqlalchemy.exc import InternalError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.service import group_commit, second_try
from ninefold.service.app import to_problem
from ninefold.service.group_commit import GroupCommit
from ninefold.service.job_documents import JobReader
from ninefold.service.jobs.admission import Admission
from ninefold.service.routes import waiting
from ninefold.service.store import database, decisions
from ninefold.service.store.retry import is_away
from ninefold.service.store.tables import Job
from tests.service.conftest import MakeSettings
from tests.service.running import RunningService, running_service

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_try, "PAUSE_S", 0.01)
    monkeypatch.setattr(group_commit, "PAUSE_S", 0.01)


def away(*_: object) -> OperationalError:
    return OperationalError("SELECT", {}, Exception("terminating connection"))


def failing(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, times: int, *, after: bool = False
) -> Callable[[], int]:
    """Let a method raise that the database is away, before or after its work; count the calls."""
    calls = 0
    work = getattr(owner, name)

    async def fail(*args: Any, **given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls <= times:
            if after:
                await work(*args, **given)
            raise away()
        return await work(*args, **given)

    monkeypatch.setattr(owner, name, fail)
    return lambda: calls


def test_a_transaction_that_the_server_ended_counts_as_a_database_that_is_away() -> None:
    ended = psycopg.errors.IdleInTransactionSessionTimeout()
    assert is_away(ended)
    assert is_away(InternalError("SELECT", {}, ended))
    assert not is_away(InternalError("SELECT", {}, psycopg.errors.InternalError_()))


async def num_jobs(service: RunningService) -> int:
    async with service.gateway.database.connect() as connection:
        return int((await connection.execute(select(func.count(Job.id)))).scalar_one())


async def test_a_transaction_that_a_stall_cost_is_begun_again(
    database_url: URL, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_OPTIONS", database._OPTIONS.replace("=15s", "=3s"))
    is_stalled = False
    accept = Admission.accept

    async def stall_once(self: Admission, connection: AsyncConnection, asked: Any) -> Any:
        nonlocal is_stalled
        if not is_stalled:
            is_stalled = True
            await connection.execute(text("SELECT 1"))
            time.sleep(6)  # as a busy machine does to an event loop
        return await accept(self, connection, asked)

    monkeypatch.setattr(Admission, "accept", stall_once)
    async with running_service(make_settings(), database_url) as service:
        assert (await service.post("a red apple"))["status"] == "queued"
        assert is_stalled
        assert await num_jobs(service) == 1


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "k"}])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after the commit"])
async def test_a_job_is_accepted_once_although_the_database_was_away(
    service: RunningService, monkeypatch: pytest.MonkeyPatch, key: dict[str, str], after: bool
) -> None:
    calls = failing(monkeypatch, GroupCommit, "_commit_once", 1, after=after)
    answer = await service.http.post("/api/v1/jobs", json={"prompt": "a hat"}, headers=key)
    assert answer.status_code == 202
    assert calls() == (1 if after else 2)
    assert await num_jobs(service) == 1
    assert (await service.job(answer.json()["id"]))["prompt"] == "a hat"


@pytest.mark.parametrize("path", ["/api/v1/jobs/{}", "/g/{}", "/api/v1/jobs/{}/grid.png"])
async def test_what_is_read_is_read_again(
    service: RunningService, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    job = await service.post("a red apple")
    expected = (await service.http.get(path.format(job["id"]))).status_code
    calls = failing(monkeypatch, JobReader, "find", 1)
    assert (await service.http.get(path.format(job["id"]))).status_code == expected
    assert calls() >= 2


async def test_who_is_cancelled_or_published_is_so_after_a_second_try(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await service.post("a red apple")
    failing(monkeypatch, JobReader, "find", 1)
    answer = await service.http.delete(f"/api/v1/jobs/{job['id']}")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")


async def test_a_body_is_there_for_the_second_try(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = failing(monkeypatch, decisions, "record_prompt", 1)
    answer = await service.http.post("/api/v1/jobs", json={"prompt": "child porn"})
    assert (answer.status_code, answer.json()["code"]) == (422, "prompt_refused")
    assert calls() == 2


async def test_what_was_accepted_is_not_accepted_again(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, waiting, "wait", 9)
    body = {"prompt": "a red apple", "model": "tiny"}
    answer = await service.http.post("/v1/images/generations", json=body)
    assert answer.status_code == 503
    assert await num_jobs(service) == 1


async def test_who_waits_on_a_connection_gets_the_pictures_of_the_job_that_was_accepted(
    drawing_service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, JobReader, "find", 3)
    body = {"prompt": "a red apple", "model": "tiny"}
    answer = await drawing_service.http.post("/v1/images/generations", json=body)
    assert answer.status_code == 200
    assert await num_jobs(drawing_service) == 1


async def test_a_database_that_stays_away_is_told_of_without_a_request_to_ask_again(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await service.post("a red apple")
    failing(monkeypatch, JobReader, "find", 2)
    answer = await service.http.get(f"/api/v1/jobs/{job['id']}")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer.headers["retry-after"]
    assert "again" not in to_problem(away()).detail


async def test_nothing_that_is_read_waits_for_this_process_in_a_transaction(
    drawing_service: RunningService,
) -> None:
    held: list[str] = []

    def note(*told: Any) -> None:
        of_request = second_try._attempt.get() is not None  # housekeeping writes meanwhile
        options = told[0].get_execution_options()
        if of_request and options.get("isolation_level") != "AUTOCOMMIT":
            held.append(told[2])

    key = {"Authorization": "Bearer nf_unknown"}
    job = await drawing_service.ended((await drawing_service.post("a red apple"))["id"])
    digest = job["pictures"][0]["hash"]
    engine = drawing_service.gateway.database.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    paths = [
        *("/readyz", "/metrics", "/api/v1/status", "/api/v1/models", "/gallery"),
        *(f"/api/v1/jobs/{job['id']}{rest}" for rest in ("", "/events", "/events?wait=0")),
        *(f"/api/v1/jobs/{job['id']}/{name}" for name in ("grid.png", f"pictures/{digest}.png")),
        *(f"/i/{digest}.png", f"/i/{'0' * 64}.png", f"/g/{job['id']}", "/api/v1/suggestions?q=a"),
    ]
    for path in paths:
        answer = await drawing_service.http.get(path)
        assert answer.status_code in (200, 404), path
        assert held == [], path
    assert (await drawing_service.http.get("/api/v1/status", headers=key)).status_code == 200
    answer = await drawing_service.http.post("/api/v1/jobs", json={"prompt": "a"}, headers=key)
    assert (answer.status_code, held) == (401, [])
