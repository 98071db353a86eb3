"""Publishing, searching, suggesting and reporting: what people show, and only what they show."""

from typing import Any

import httpx2
import pytest
from sqlalchemy import insert, select, update

from ninefold.service.store import publications
from ninefold.service.store.clock import ago
from ninefold.service.store.gallery_tables import ReportRow, Visit
from ninefold.service.store.tables import Job, PictureRow, RemovedPicture
from tests.service.running import RunningService

pytestmark = pytest.mark.anyio


async def drawn(service: RunningService, prompt: str) -> dict[str, Any]:
    job = await service.post(prompt)
    return await service.ended(job["id"])


async def published(service: RunningService, prompt: str) -> dict[str, Any]:
    job = await drawn(service, prompt)
    answer = await service.http.post(f"/api/v1/jobs/{job['id']}/publish")
    assert answer.json() == {"job_id": job["id"], "published": True}
    return job


async def found(
    service: RunningService, query: str, order: publications.Order = "newest"
) -> list[str]:
    async with service.gateway.database.connect() as connection:
        drawings = await publications.find_published(connection, query, order, offset=0, limit=50)
    return [drawing.prompt for drawing in drawings]


async def suggestions(service: RunningService, text: str) -> list[str]:
    answer = await service.http.get("/api/v1/suggestions", params={"q": text})
    assert answer.status_code == 200, answer.text
    prompts: list[str] = answer.json()["suggestions"]
    return prompts


async def test_nothing_is_in_the_gallery_before_its_owner_puts_it_there(
    drawing_service: RunningService,
) -> None:
    job = await drawn(drawing_service, "a red apple")
    assert await found(drawing_service, "") == []
    assert await suggestions(drawing_service, "red") == []
    page = f"/api/v1/jobs/{job['id']}"
    async with httpx2.AsyncClient(base_url=drawing_service.address) as stranger:
        assert (await stranger.post(f"{page}/publish")).json()["code"] == "not_yours"
    await drawing_service.http.post(f"{page}/publish")
    assert await found(drawing_service, "") == ["a red apple"]
    assert await suggestions(drawing_service, "red") == ["a red apple"]


async def test_what_is_taken_out_is_gone_and_may_come_back_at_its_old_place(
    drawing_service: RunningService,
) -> None:
    first = await published(drawing_service, "a red apple")
    await published(drawing_service, "a castle")
    await drawing_service.http.post(f"/api/v1/jobs/{first['id']}/unpublish")
    assert await found(drawing_service, "") == ["a castle"]
    assert await suggestions(drawing_service, "apple") == []
    await drawing_service.http.post(f"/api/v1/jobs/{first['id']}/publish")
    assert await found(drawing_service, "") == ["a castle", "a red apple"]


async def test_what_operators_take_out_stays_out(drawing_service: RunningService) -> None:
    job = await published(drawing_service, "a red apple")
    async with drawing_service.gateway.database.begin() as connection:
        assert await publications.remove(connection, job["id"])
        assert not await publications.remove(connection, "no such job")
    assert await found(drawing_service, "") == []
    answer = await drawing_service.http.post(f"/api/v1/jobs/{job['id']}/publish")
    assert (answer.status_code, answer.json()["code"]) == (403, "removed")
    assert await found(drawing_service, "") == []


async def test_a_removed_picture_is_nowhere_and_a_drawing_without_pictures_neither(
    drawing_service: RunningService,
) -> None:
    job = await published(drawing_service, "a red apple")
    hashes = [picture["hash"] for picture in job["pictures"]]
    database = drawing_service.gateway.database
    async with database.begin() as connection:
        rows = [{"hash": digest, "reason": "test"} for digest in hashes[:1]]
        await connection.execute(insert(RemovedPicture), rows)
        [drawing] = await publications.find_published(connection, "", "newest", offset=0, limit=9)
    assert set(drawing.hashes) == set(hashes[1:])
    async with database.begin() as connection:
        await connection.execute(update(PictureRow).values(audience="nobody"))
    assert await found(drawing_service, "") == []
    assert await suggestions(drawing_service, "apple") == []


async def test_searching_takes_what_people_write(drawing_service: RunningService) -> None:
    for prompt in ("a red apple", "the red castle", "Ein ÄPFELCHEN", "赤い りんご"):
        await published(drawing_service, prompt)
    assert await found(drawing_service, "red") == ["the red castle", "a red apple"]
    assert await found(drawing_service, "RED -castle") == ["a red apple"]
    assert await found(drawing_service, '"red castle"') == ["the red castle"]
    assert await found(drawing_service, "りんご") == ["赤い りんご"]
    for odd in ("'", '"', "\\", "&|!():*", "<->", "' OR 1=1 --", "%", "\0red"):
        answer = await drawing_service.http.get("/gallery", params={"q": odd})
        assert answer.status_code == 200, odd
        assert (await drawing_service.http.get("/api/v1/suggestions", params={"q": odd})).is_success


async def test_suggestions_are_what_begins_like_it_each_once(
    drawing_service: RunningService,
) -> None:
    for prompt in ("an octopus", "an octopus", "a castle"):
        await published(drawing_service, prompt)
    assert await suggestions(drawing_service, "oct") == ["an octopus"]
    assert await suggestions(drawing_service, "an oc") == ["an octopus"]
    assert await suggestions(drawing_service, "topus") == []
    assert await suggestions(drawing_service, "   ") == []


async def test_trending_is_what_many_looked_at_lately(drawing_service: RunningService) -> None:
    old, new = [await published(drawing_service, prompt) for prompt in ("old", "new")]
    database = drawing_service.gateway.database
    assert await found(drawing_service, "", "trending") == ["new", "old"]
    async with database.begin() as connection:
        for visitor in ("a", "b", "b"):
            await publications.count_visit(connection, old["id"], visitor)
        await publications.count_visit(connection, new["id"], "a")
    assert await found(drawing_service, "", "trending") == ["old", "new"]
    async with database.begin() as connection:
        a_week_ago = ago(7 * 24 * 3600)
        await connection.execute(
            update(Visit).where(Visit.job_id == old["id"]).values(at=a_week_ago)
        )
    assert await found(drawing_service, "", "trending") == ["new", "old"]


async def test_looking_counts_once_for_a_network(drawing_service: RunningService) -> None:
    job = await published(drawing_service, "a red apple")
    for _ in range(3):
        assert (await drawing_service.http.get(f"/g/{job['id']}")).status_code == 200
    async with drawing_service.gateway.database.connect() as connection:
        assert len((await connection.execute(select(Visit.visitor))).all()) == 1


async def test_what_the_policy_keeps_out_of_sight_is_not_published(
    drawing_service: RunningService,
) -> None:
    job = await drawn(drawing_service, "a red apple")
    url = f"/api/v1/jobs/{job['id']}/publish"
    async with drawing_service.gateway.database.begin() as connection:
        await connection.execute(update(Job).values(prompt="a severed head on a plate"))
    assert (await drawing_service.http.post(url)).json()["code"] == "not_for_gallery"
    async with drawing_service.gateway.database.begin() as connection:
        await connection.execute(update(Job).values(prompt="a red apple"))
        await connection.execute(update(PictureRow).values(audience="nobody"))
    assert (await drawing_service.http.post(url)).json()["code"] == "not_for_gallery"


async def test_only_a_finished_drawing_is_published(service: RunningService) -> None:
    job = await service.post("a red apple")
    answer = await service.http.post(f"/api/v1/jobs/{job['id']}/publish")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_done")
    assert (await service.http.post("/api/v1/jobs/nothing/publish")).status_code == 404


async def test_a_report_is_kept_once_for_each_person_and_picture(
    drawing_service: RunningService,
) -> None:
    job = await drawn(drawing_service, "a red apple")
    url = f"/api/v1/pictures/{job['pictures'][0]['hash']}/report"
    for reason, note in (("hate", "first"), ("other", "second \0")):
        answer = await drawing_service.http.post(
            url, json={"reason": reason, "note": note, "job_id": job["id"]}
        )
        assert (answer.status_code, answer.json()) == (202, {"status": "received"})
    async with drawing_service.gateway.database.connect() as connection:
        [report] = (
            await connection.execute(select(ReportRow.reason, ReportRow.note, ReportRow.job_id))
        ).all()
    assert tuple(report) == ("other", "second", job["id"])


@pytest.mark.parametrize(
    ("digest", "body", "status"),
    [
        ("0" * 64, {"reason": "hate"}, 404),
        ("0" * 64, {"reason": "boring"}, 422),
        ("0" * 64, {"reason": "hate", "note": "x" * 1001}, 422),
        ("nothing", {"reason": "hate"}, 422),
    ],
)
async def test_a_report_must_be_about_a_picture(
    service: RunningService, digest: str, body: dict[str, str], status: int
) -> None:
    answer = await service.http.post(f"/api/v1/pictures/{digest}/report", json=body)
    assert answer.status_code == status
    assert answer.json()["detail"]
