"""Laws of administration: what an operator removes is gone, and what is needed stays."""

import asyncio

import pytest
from sqlalchemy import update

from ninefold.errors import UserError
from ninefold.service.administration import Administration
from ninefold.service.store.clock import ago
from ninefold.service.store.gallery_tables import ReportRow
from ninefold.service.store.memory import MemoryCache
from ninefold.service.store.tables import Job
from tests.service.fake_engine import FakeEngine
from tests.service.running import RunningService
from tests.service.test_sweep import make_old

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hand(service: RunningService) -> Administration:
    gateway = service.gateway
    return Administration(gateway.database, gateway.queue, gateway.objects)


async def test_jobs_are_listed_by_state(service: RunningService, hand: Administration) -> None:
    job = await service.post("a red apple")
    assert [line.id for line in await hand.jobs("queued", 10)] == [job["id"]]
    assert await hand.cancel(job["id"])
    assert not await hand.cancel(job["id"])
    assert not await hand.jobs("queued", 10)
    with pytest.raises(UserError, match="There is no job"):
        await hand.cancel("nothing")


async def test_a_removed_picture_is_gone_everywhere_and_never_comes_back(
    service: RunningService, hand: Administration
) -> None:
    await service.add_worker(FakeEngine())
    service.gateway.cache = MemoryCache(seconds=0)  # as if five seconds had passed
    job = await service.ended((await service.post("a red apple", seed=1))["id"])
    picture = job["pictures"][0]
    assert (await service.http.get(job["grid_url"])).status_code == 200
    assert await hand.pictures.remove(picture["hash"], "asked for by its subject") == 1
    gone = await service.http.get(picture["url"])
    assert (gone.status_code, gone.json()["code"]) == (410, "removed")
    assert not [key for key in await service.gateway.objects.keys("") if picture["hash"] in key]
    assert not await service.gateway.objects.keys("grids")
    again = await service.ended((await service.post("a red apple", seed=1))["id"])
    shown = {item["hash"] for item in again["pictures"] if not item["hidden"]}
    assert len(again["pictures"]) == 9
    assert picture["hash"] not in shown
    assert (await service.http.get(picture["url"])).status_code == 410


async def test_a_job_that_is_requeued_is_drawn_again_and_ends_once(
    service: RunningService, hand: Administration
) -> None:
    engine = FakeEngine(may_go_on=asyncio.Event())
    await service.add_worker(engine)
    job = await service.post("a red apple")
    while not engine.drawn:
        await asyncio.sleep(0.01)
    assert await hand.requeue(job["id"])
    assert engine.may_go_on is not None
    engine.may_go_on.set()
    kinds = [event["type"] for event in await service.events(job["id"])]
    assert (kinds.count("started"), kinds.count("picture"), kinds.count("done")) == (2, 9, 1)
    assert not await hand.requeue(job["id"])


async def test_a_vacuum_removes_what_is_old_and_keeps_the_rest(
    service: RunningService, hand: Administration
) -> None:
    await service.add_worker(FakeEngine())
    old = await service.ended((await service.post("old"))["id"])
    new = await service.ended((await service.post("new"))["id"])
    await service.http.get(old["grid_url"])
    async with service.gateway.database.begin() as connection:
        aged = update(Job).where(Job.id == old["id"]).values(ended_at=ago(40 * 86400))
        await connection.execute(aged)
    make_old(service.settings.data)
    gone = await hand.vacuum(30)
    assert (gone.jobs, gone.pictures, gone.objects) == (1, 9, 37)
    assert (await service.http.get(f"/api/v1/jobs/{old['id']}")).status_code == 404
    service.gateway.cache = MemoryCache(seconds=0)  # as if five seconds had passed
    assert (await service.http.get(old["pictures"][0]["url"])).status_code == 404
    assert (await service.http.get(new["pictures"][0]["url"])).status_code == 200


async def test_a_key_signs_in_until_it_is_revoked(
    service: RunningService, hand: Administration
) -> None:
    key = await hand.create_key("a program", "key")
    headers = {"Authorization": f"Bearer {key}"}
    body = {"prompt": "a red apple"}
    answer = await service.http.post("/api/v1/jobs", json=body, headers=headers)
    assert answer.status_code == 202
    assert answer.headers["ratelimit-policy"].startswith('"key"')
    assert [row.name for row in await hand.keys()] == ["a program"]
    assert await hand.revoke_key(key) == 1
    answer = await service.http.post("/api/v1/jobs", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_api_key")


async def test_an_operator_reads_reports_and_takes_drawings_out_of_the_gallery(
    service: RunningService, hand: Administration
) -> None:
    await service.add_worker(FakeEngine())
    job = await service.ended((await service.post("a red apple"))["id"])
    assert not await hand.unpublish(job["id"])
    await service.http.post(f"/api/v1/jobs/{job['id']}/publish")
    digest = job["pictures"][0]["hash"]
    told = {"reason": "hate", "note": "look", "job_id": job["id"]}
    await service.http.post(f"/api/v1/pictures/{digest}/report", json=told)
    [report] = await hand.reports(10)
    assert (report.hash, report.job_id, report.reason) == (digest, job["id"], "hate")
    assert "a red apple" in (await service.http.get("/gallery")).text
    assert await hand.unpublish(job["id"])
    assert "a red apple" not in (await service.http.get("/gallery")).text


async def test_a_vacuum_keeps_what_the_gallery_shows(
    service: RunningService, hand: Administration
) -> None:
    await service.add_worker(FakeEngine())
    shown, other = [
        await service.ended((await service.post(prompt))["id"]) for prompt in ("shown", "other")
    ]
    await service.http.post(f"/api/v1/jobs/{shown['id']}/publish")
    async with service.gateway.database.begin() as connection:
        await connection.execute(update(Job).values(ended_at=ago(9 * 24 * 3600.0)))
    assert (await hand.vacuum(7)).jobs == 1
    assert (await service.http.get(f"/g/{shown['id']}")).status_code == 200
    assert (await service.http.get(shown["pictures"][0]["url"])).status_code == 200
    assert (await service.http.get(f"/g/{other['id']}")).status_code == 404
    await hand.unpublish(shown["id"])
    assert (await hand.vacuum(7)).jobs == 1


async def test_a_vacuum_removes_old_reports_and_keeps_new_ones(
    service: RunningService, hand: Administration
) -> None:
    await service.add_worker(FakeEngine())
    job = await service.ended((await service.post("a red apple"))["id"])
    old, new = [picture["hash"] for picture in job["pictures"][:2]]
    for digest in (old, new):
        await service.http.post(f"/api/v1/pictures/{digest}/report", json={"reason": "hate"})
    async with service.gateway.database.begin() as connection:
        aged = update(ReportRow).where(ReportRow.hash == old).values(created_at=ago(11 * 86400))
        await connection.execute(aged)
    await hand.vacuum(30, keep_reports_days=12)
    assert {report.hash for report in await hand.reports(10)} == {old, new}
    await hand.vacuum(30, keep_reports_days=10)
    assert [report.hash for report in await hand.reports(10)] == [new]


async def test_a_forgotten_job_takes_the_reports_of_its_pictures_with_it(
    service: RunningService, hand: Administration
) -> None:
    await service.add_worker(FakeEngine())
    first, again, other = [
        await service.ended((await service.post(prompt, seed=1))["id"])
        for prompt in ("a red apple", "a red apple", "a castle")
    ]
    for job in (first, other):
        told = {"reason": "hate", "note": "look", "job_id": job["id"]}
        address = f"/api/v1/pictures/{job['pictures'][0]['hash']}/report"
        await service.http.post(address, json=told)
    await hand.forget(first["id"])
    kept = {report.hash: report.job_id for report in await hand.reports(10)}
    assert kept == {
        first["pictures"][0]["hash"]: None,  # the second job shows it, too
        other["pictures"][0]["hash"]: other["id"],
    }
    await hand.forget(again["id"])
    assert [report.job_id for report in await hand.reports(10)] == [other["id"]]
