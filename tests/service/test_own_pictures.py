"""What is for its owner alone is shown to them, on their page, and to nobody anywhere else."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx2
import pytest
from PIL import Image
from sqlalchemy import URL, update

from ninefold.safety.image_policy import ImagePolicy
from ninefold.service.administration import Administration
from ninefold.service.jobs.picture_steps import PictureSteps
from ninefold.service.jobs.safe_steps import judge_by
from ninefold.service.store.clock import ago
from ninefold.service.store.memory import MemoryCache
from ninefold.service.store.tables import Job
from tests.patience import PATIENCE_S
from tests.service.conftest import MakeSettings
from tests.service.fake_engine import FakeEngine, paint
from tests.service.running import RunningService, running_service, stream_events
from tests.service.test_sweep import make_old

pytestmark = pytest.mark.anyio

SCORES = {0: 0.95, 1: 0.8, 2: 0.5}
"""Of the first pictures of "a red apple"; the others have none."""

AUDIENCES = ["nobody", "owner", "share_page", *["gallery"] * 6]


class ByIndex:
    """Scores the pictures of "a red apple" by their index."""

    def scores(self, pictures: Sequence[Image.Image]) -> list[float]:
        """Return for each picture how likely it is to be explicit."""
        known = {paint("a red apple", 1, index).tobytes(): SCORES[index] for index in SCORES}
        return [known.get(picture.tobytes(), 0.0) for picture in pictures]


@pytest.fixture
async def service(database_url: URL, make_settings: MakeSettings) -> AsyncIterator[RunningService]:
    """A service that keeps some pictures from some people."""
    async with running_service(make_settings(), database_url) as running:
        running.gateway.cache = MemoryCache(seconds=0)  # as if five seconds had passed
        await running.add_worker(FakeEngine(), PictureSteps(judge_by(ImagePolicy(ByIndex()))))
        yield running


@pytest.fixture
async def stranger(service: RunningService) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody with a cookie of their own."""
    async with httpx2.AsyncClient(base_url=service.address, timeout=PATIENCE_S) as http:
        assert (await http.post("/api/v1/jobs", json={"prompt": "a castle"})).status_code == 202
        yield http


@pytest.fixture
def hand(service: RunningService) -> Administration:
    """The operator."""
    gateway = service.gateway
    return Administration(gateway.database, gateway.queue, gateway.objects)


async def drawn(service: RunningService) -> dict[str, Any]:
    job = await service.ended((await service.post("a red apple", seed=1))["id"])
    job["pictures"].sort(key=lambda picture: picture["index"])
    return job


async def seen_by(http: httpx2.AsyncClient, job_id: str) -> list[dict[str, Any]]:
    pictures = (await http.get(f"/api/v1/jobs/{job_id}")).json()["pictures"]
    return sorted(pictures, key=lambda picture: int(picture["index"]))


async def kept(service: RunningService, prefix: str) -> set[str]:
    """Return the hashes of what lies below a prefix of the store."""
    keys = await service.gateway.objects.keys(prefix)
    return {key.rpartition("/")[2].partition(".")[0] for key in keys}


async def test_each_picture_is_shown_to_whom_its_score_allows(
    service: RunningService, stranger: httpx2.AsyncClient
) -> None:
    job = await drawn(service)
    mine, theirs = job["pictures"], await seen_by(stranger, job["id"])
    for pictures in (mine, theirs):
        assert [picture["audience"] for picture in pictures] == AUDIENCES
    assert [picture["hidden"] for picture in mine] == [True] + [False] * 8
    assert [picture["hidden"] for picture in theirs] == [True, True] + [False] * 7
    assert [picture["url"] is None for picture in theirs] == [True, True] + [False] * 7
    assert await seen_by(service.http, job["id"]) == mine
    assert "is shown only to who asked for it" in theirs[1]["hidden_reason"]


async def test_its_file_is_given_to_its_owner_alone_and_kept_by_no_cache(
    service: RunningService, stranger: httpx2.AsyncClient
) -> None:
    job = await drawn(service)
    own, share = job["pictures"][1], job["pictures"][2]
    assert own["url"] == f"{service.address}/api/v1/jobs/{job['id']}/own/{own['hash']}.png"
    for extension in ("png", "webp", "jpg"):
        address = own["url"].replace("png", extension)
        answer = await service.http.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "private, no-store"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert (await stranger.get(address)).status_code == 404
        async with httpx2.AsyncClient() as nobody:
            assert (await nobody.get(address)).status_code == 404
        assert (await service.http.get(f"/i/{own['hash']}.{extension}")).status_code == 404
    recipe = f"/api/v1/jobs/{job['id']}/pictures/{own['hash']}.png"
    answer = await service.http.get(recipe)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-store")
    assert (await stranger.get(recipe)).status_code == 404
    other = f"/api/v1/jobs/{job['id']}/own/{share['hash']}.png"
    assert (await service.http.get(other)).status_code == 404  # it has an open address


async def test_events_tell_its_address_to_its_owner_alone(
    service: RunningService, stranger: httpx2.AsyncClient
) -> None:
    job = await drawn(service)
    addresses, hidden = {}, {}
    for name, http in (("owner", service.http), ("stranger", stranger)):
        events = [event async for event in stream_events(http, job["id"])]
        [event] = [each for each in events if each["type"] == "picture" and each["index"] == 1]
        addresses[name], hidden[name] = event["url"], event["hidden"]
        polled = await http.get(f"/api/v1/jobs/{job['id']}/events", params={"wait": 0})
        assert event in polled.json()["events"]
        [last] = [each for each in events[-1]["job"]["pictures"] if each["index"] == 1]
        assert (last["url"], last["hidden"]) == (event["url"], event["hidden"])
    assert addresses == {"owner": job["pictures"][1]["url"], "stranger": None}
    assert hidden == {"owner": False, "stranger": True}


async def test_it_is_in_nothing_that_is_made_for_others(
    service: RunningService, stranger: httpx2.AsyncClient
) -> None:
    job = await drawn(service)
    digest = job["pictures"][1]["hash"]
    grids = [(await http.get(job["grid_url"])).content for http in (service.http, stranger)]
    assert grids[0] == grids[1]
    assert f"/own/{digest}" in (await service.http.get(f"/g/{job['id']}")).text
    assert f"/own/{digest}" not in (await stranger.get(f"/g/{job['id']}")).text
    photo = f"/oembed?url={service.address}/g/{job['id']}&maxwidth=40&maxheight=40"
    assert digest not in (await service.http.get(photo)).text
    asked = {"prompt": "a red apple", "n": 9, "seed": 1}
    answer = await service.http.post("/v1/images/generations", json=asked)
    assert len(answer.json()["data"]) == 7
    assert digest not in answer.text
    await service.http.post(f"/api/v1/jobs/{job['id']}/publish")
    gallery = (await service.http.get("/gallery")).text
    assert job["pictures"][3]["hash"] in gallery
    assert not [each for each in job["pictures"][:3] if each["hash"] in gallery]


async def test_its_owner_may_appeal_and_an_operator_may_show_it(
    service: RunningService, hand: Administration, stranger: httpx2.AsyncClient
) -> None:
    job = await drawn(service)
    digest = job["pictures"][1]["hash"]
    form = f"/g/{job['id']}/pictures/{digest}/report"
    page = (await service.http.get(form)).text
    assert "<h1>Only you see this picture</h1>" in page
    assert f"/own/{digest}.webp" in page
    assert f"/own/{digest}" not in (await stranger.get(form)).text
    await service.http.post(form, data={"reason": "hate"})
    assert [report.reason for report in await hand.reports(10)] == ["appeal"]
    seen = await hand.pictures.look(digest)
    assert await hand.pictures.show(digest) == 1
    assert (await stranger.get(f"/i/{digest}.png")).content == seen
    assert await kept(service, "owner") == set()
    assert [each["hidden"] for each in await seen_by(stranger, job["id"])][:2] == [True, False]


async def test_it_goes_with_removal_deletion_and_a_vacuum(
    service: RunningService, hand: Administration
) -> None:
    first = await drawn(service)
    own = first["pictures"][1]
    assert await kept(service, "owner") == {own["hash"]}
    await hand.forget(first["id"])
    assert await kept(service, "owner") == set()
    second = await drawn(service)
    async with service.gateway.database.begin() as connection:
        await connection.execute(update(Job).values(ended_at=ago(40 * 86400.0)))
    assert await kept(service, "owner") == {own["hash"]}
    make_old(service.settings.data)
    await hand.vacuum(30)
    assert await kept(service, "owner") == set()
    assert (await service.http.get(f"/api/v1/jobs/{second['id']}")).status_code == 404
    third = await drawn(service)
    await hand.pictures.remove(own["hash"], "asked for by its subject")
    assert await kept(service, "owner") == set()
    assert (await service.http.get(third["pictures"][1]["url"])).status_code == 404
    assert (await seen_by(service.http, third["id"]))[1]["hidden"]


async def test_every_audience_has_a_word_in_the_records(
    service: RunningService, hand: Administration
) -> None:
    job = await drawn(service)
    rows = {row["hash"]: row for row in await hand.decisions(1) if row["stage"] == "picture"}
    found = [rows[picture["hash"]] for picture in job["pictures"]]
    assert [row["action"] for row in found] == ["refuse", "restrict", "hide", *["allow"] * 6]
    assert [row["score"] for row in found][:3] == [0.95, 0.8, 0.5]
