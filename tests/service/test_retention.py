"""Laws of retention: what is older goes by itself, what is forgotten is nowhere any more."""

import asyncio
import logging
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, select, update

from ninefold.service import retention
from ninefold.service.administration import Administration
from ninefold.service.retention import DAY_S, vacuum_if_due
from ninefold.service.store.clock import ago
from ninefold.service.store.database import connection_string
from ninefold.service.store.gallery_tables import Visit
from ninefold.service.store.memory import MemoryCache
from ninefold.service.store.objects import Objects, StorageError
from ninefold.service.store.tables import IdempotencyKey, Job, Round, Share
from tests.patience import PATIENCE_S
from tests.service.conftest import MakeSettings
from tests.service.fake_engine import FakeEngine
from tests.service.running import RunningService, running_service
from tests.service.test_sweep import make_old

pytestmark = pytest.mark.anyio

MARKER = "zyxmarker"


def hand_of(service: RunningService) -> Administration:
    gateway = service.gateway
    return Administration(gateway.database, gateway.queue, gateway.objects)


async def age(service: RunningService, days: float) -> None:
    """Let everything in the database look so many days older."""
    async with service.gateway.database.begin() as connection:
        moment = ago(days * DAY_S)
        ended = update(Job).where(Job.ended_at.is_not(None)).values(ended_at=moment)
        await connection.execute(ended)
        await connection.execute(update(Job).values(created_at=moment))
        await connection.execute(update(IdempotencyKey).values(created_at=moment))
        await connection.execute(update(Share).values(updated_at=moment))
        await connection.execute(update(Visit).values(at=moment))


async def vacuum_now(service: RunningService) -> retention.Vacuumed | None:
    gateway = service.gateway
    return await vacuum_if_due(gateway.database, gateway.objects, gateway.settings)


def find_everywhere(url: URL, folder: Path, marker: str) -> list[str]:
    """Return where a word stands: tables with a row of it, and files."""
    found = []
    with psycopg.connect(connection_string(url)) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
            " AND table_type = 'BASE TABLE'"
        ).fetchall()
        for schema, name in tables:
            text = f'SELECT count(*) FROM "{schema}"."{name}" t WHERE t::text ILIKE %s'
            row = connection.execute(text.encode(), [f"%{marker}%"]).fetchone()
            if row and row[0]:
                found.append(f"{schema}.{name}")
    needle = marker.encode()
    found += [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and (needle in path.read_bytes() or path.parent.name == "grids")
    ]
    return found


async def ask_and_look(service: RunningService, prompt: str) -> tuple[str, str]:
    """Draw with a key, publish, look at everything that keeps something; the job and a picture."""
    answer = await service.http.post(
        "/api/v1/jobs", json={"prompt": prompt, "seed": 1}, headers={"Idempotency-Key": "k"}
    )
    job = await service.ended(answer.json()["id"])
    await service.http.post(f"/api/v1/jobs/{job['id']}/publish")
    digest = job["pictures"][0]["hash"]
    paths = [f"/api/v1/jobs/{job['id']}/grid.{name}" for name in ("png", "webp", "jpg")]
    paths += [f"/g/{job['id']}", "/gallery", f"/api/v1/jobs/{job['id']}/pictures/{digest}.png"]
    for path in paths:
        assert (await service.http.get(path)).status_code == 200, path
    return job["id"], digest


async def test_of_a_forgotten_job_no_word_is_left_anywhere(
    drawing_service: RunningService, database_url: URL, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    gateway = drawing_service.gateway
    job_id, _ = await ask_and_look(drawing_service, f"a {MARKER} in a hat")
    data = drawing_service.settings.data
    places = find_everywhere(database_url, data, MARKER)
    assert {"public.jobs", "public.publications", "public.idempotency_keys"} <= set(places)
    assert sum("grids" in place for place in places) == 3
    await hand_of(drawing_service).forget(job_id)
    assert find_everywhere(database_url, data, MARKER) == []
    assert MARKER not in caplog.text
    gateway.cache = MemoryCache(seconds=0)  # as if five seconds had passed
    again = await drawing_service.http.post(
        "/api/v1/jobs",
        json={"prompt": f"a {MARKER} in a hat", "seed": 1},
        headers={"Idempotency-Key": "k"},
    )
    assert again.json()["id"] != job_id


async def test_what_a_failing_store_kept_of_a_forgotten_job_goes_with_the_next_vacuum(
    drawing_service: RunningService, database_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, _ = await ask_and_look(drawing_service, f"a {MARKER} in a hat")

    async def refuse(*_: object) -> None:
        raise StorageError("It is away.")

    with monkeypatch.context() as patch:
        patch.setattr(Objects, "move", refuse)
        with pytest.raises(StorageError, match="the next vacuum removes the rest"):
            await hand_of(drawing_service).forget(job_id)
    data = drawing_service.settings.data
    assert find_everywhere(database_url, data, MARKER)
    make_old(data)
    assert await vacuum_now(drawing_service)
    assert find_everywhere(database_url, data, MARKER) == []


async def test_a_grid_that_is_made_while_its_job_is_forgotten_is_not_kept(
    drawing_service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = drawing_service.gateway
    job = await drawing_service.ended((await drawing_service.post(MARKER))["id"])
    hand = hand_of(drawing_service)
    put = Objects.put

    async def forget_and_put(
        self: Objects, key: str, data: bytes, patience_s: float | None = None
    ) -> None:
        await hand.forget(job["id"])
        await put(self, key, data, patience_s)

    monkeypatch.setattr(Objects, "put", forget_and_put)
    assert (await drawing_service.http.get(job["grid_url"])).status_code == 404
    assert not await gateway.objects.keys("")


async def test_an_answer_is_given_again_for_a_day_and_no_longer(service: RunningService) -> None:
    headers = {"Idempotency-Key": "k"}

    async def ask() -> str:
        body = {"prompt": "a red apple", "seed": 1}
        answer = await service.http.post("/api/v1/jobs", json=body, headers=headers)
        assert answer.status_code == 202
        job: str = answer.json()["id"]
        return job

    first = await ask()
    await age(service, 0.9)
    assert await ask() == first
    await age(service, 1.1)  # no vacuum has run
    second = await ask()
    assert second != first
    assert await ask() == second


async def test_a_running_service_removes_what_is_old_by_itself_while_it_draws(
    database_url: URL, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "LOOK_EVERY_S", 0.05)
    async with running_service(make_settings(keep_jobs_days=3), database_url) as service:
        engine = FakeEngine()
        await service.add_worker(engine)
        old, _ = await ask_and_look(service, "something old")
        await hand_of(service).unpublish(old)
        abandoned = (await service.post("never begun"))["id"]
        await service.ended(abandoned)
        await age(service, 3.1)
        make_old(service.settings.data)
        engine.may_go_on = asyncio.Event()
        waiting = (await service.post("something new"))["id"]
        async with service.gateway.database.begin() as connection:
            never_begun = update(Job).where(Job.id == abandoned)
            await connection.execute(never_begun.values(status="queued", ended_at=None))
            await connection.execute(update(Round).values(at=ago(2 * 3600)))
        async with asyncio.timeout(PATIENCE_S):
            while await service.gateway.objects.keys("") or await service.gateway.reader.find(old):
                await asyncio.sleep(0.05)
        assert await service.gateway.reader.find(abandoned) is None
        engine.may_go_on.set()
        assert (await service.ended(waiting))["status"] == "done"


async def test_of_all_processes_one_vacuums_in_an_hour(service: RunningService) -> None:
    done = await asyncio.gather(*(vacuum_now(service) for _ in range(5)))
    assert sum(each is not None for each in done) == 1
    async with service.gateway.database.begin() as connection:
        await connection.execute(update(Round).values(at=ago(3590)))
    assert await vacuum_now(service) is None
    async with service.gateway.database.begin() as connection:
        await connection.execute(update(Round).values(at=ago(3610)))
    assert await vacuum_now(service) is not None


async def test_a_clock_that_was_a_year_ahead_does_not_stop_vacuums_for_a_year(
    service: RunningService,
) -> None:
    assert await vacuum_now(service)
    async with service.gateway.database.begin() as connection:
        await connection.execute(update(Round).values(at=ago(-365 * DAY_S)))
    assert await vacuum_now(service)
    assert await vacuum_now(service) is None


async def test_visits_and_shares_go_when_they_count_no_more(
    drawing_service: RunningService,
) -> None:
    await ask_and_look(drawing_service, "a red apple")
    await age(drawing_service, 13)
    assert await vacuum_now(drawing_service)
    database = drawing_service.gateway.database

    async def counts() -> tuple[int, int]:
        async with database.begin() as connection:
            await connection.execute(update(Round).values(at=ago(2 * 3600)))
            visits = (await connection.execute(select(Visit))).all()
            shares = (await connection.execute(select(Share))).all()
            return len(visits), len(shares)

    assert (await counts())[1] == 1
    await age(drawing_service, 15)
    await vacuum_now(drawing_service)
    assert await counts() == (0, 1)
    await age(drawing_service, 31)
    await vacuum_now(drawing_service)
    assert await counts() == (0, 0)


@pytest.mark.parametrize(
    ("given", "told", "not_told"),
    [
        ({}, ["after 30 days", "for 90 days", "for 24 hours"], ["after some time"]),
        (
            {"keep_jobs_days": 7, "keep_reports_days": 14},
            ["after 7 days", "for 14 days"],
            ["after 30"],
        ),
        ({"keep_jobs_days": 0.25}, ["after 6 hours"], ["after some time"]),
        ({"log_prompts": True}, ["Prompts are written to logs"], ["are not written to logs"]),
        ({"keep_refused_prompts": True}, ["with the prompt"], ["without the prompt"]),
    ],
)
async def test_the_page_on_privacy_says_what_the_settings_do(
    database_url: URL,
    make_settings: MakeSettings,
    given: dict[str, object],
    told: list[str],
    not_told: list[str],
) -> None:
    async with running_service(make_settings(**given), database_url) as service:
        page = " ".join((await service.http.get("/privacy")).text.split())
    text = page.partition("<h2>What the service stores</h2>")[2].partition("<h2>")[0]
    for words in told:
        assert words in text
    for words in not_told:
        assert words not in text
