"""What looks like a removed picture is found and kept out; what was hidden wrongly can be shown."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from ninefold.errors import UserError
from ninefold.safety.image_policy import Audience
from ninefold.service.administration import Administration
from ninefold.service.jobs.picture_steps import Judgement, PictureSteps
from ninefold.service.picture_moderation import PictureModeration
from ninefold.service.store.memory import MemoryCache
from tests.service import fake_engine
from tests.service.fake_engine import FakeEngine
from tests.service.running import RunningService

pytestmark = pytest.mark.anyio


def scene(prompt: str, seed: int, index: int) -> Image.Image:
    """Return a picture of the prompt, a shade brighter for each seed and index."""
    digest = hashlib.sha256(prompt.encode()).digest()
    cells = np.random.default_rng(digest[0]).integers(0, 200, (8, 8, 3), dtype=np.uint8)
    image = Image.fromarray(cells).resize((64, 64), Image.Resampling.BICUBIC)
    return image.point(lambda value: min(255, value + seed * 9 + index))


@pytest.fixture
def hand(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> PictureModeration:
    """The operator's hand on pictures that show something."""
    monkeypatch.setattr(fake_engine, "paint", scene)
    service.gateway.cache = MemoryCache(seconds=0)  # as if five seconds had passed
    return PictureModeration(service.gateway.database, service.gateway.objects)


async def test_what_looks_the_same_is_listed_and_what_does_not_is_not(
    service: RunningService, hand: PictureModeration
) -> None:
    await service.add_worker(FakeEngine())
    apple = await service.ended((await service.post("a red apple", seed=1))["id"])
    await service.ended((await service.post("a red apple", seed=1))["id"])
    await service.ended((await service.post("a castle", seed=1))["id"])
    first, *others = [picture["hash"] for picture in apple["pictures"]]
    alike = await hand.similar(first)
    assert {each.hash for each in alike} == set(others)
    assert [each.bits for each in alike] == sorted(each.bits for each in alike)
    assert {each.num_jobs for each in alike} == {2}
    await hand.remove(others[0], "asked for by its subject")
    assert others[0] not in {each.hash for each in await hand.similar(first)}
    assert {each.hash for each in await hand.similar(others[0])} == {first, *others[1:]}
    assert await hand.similar("0" * 64) == []


async def test_what_looks_like_a_removed_picture_is_not_shown_again(
    service: RunningService, hand: PictureModeration
) -> None:
    await service.add_worker(FakeEngine())
    apple = await service.ended((await service.post("a red apple", seed=1))["id"])
    await hand.remove(apple["pictures"][0]["hash"], "asked for by its subject")
    other = await service.ended((await service.post("a red apple", seed=2))["id"])
    assert {picture["hash"] for picture in other["pictures"]}.isdisjoint(
        picture["hash"] for picture in apple["pictures"]
    )
    assert all(picture["hidden"] for picture in other["pictures"])
    castle = await service.ended((await service.post("a castle", seed=1))["id"])
    assert not any(picture["hidden"] for picture in castle["pictures"])


def hide_all(images: Sequence[Image.Image]) -> list[Judgement]:
    hidden = Judgement(Audience.NOBODY, "Hidden.", policy_version="1", rule="all")
    return [hidden for _ in images]


async def test_a_picture_that_was_hidden_wrongly_can_be_seen_and_shown(
    service: RunningService, hand: PictureModeration
) -> None:
    await service.add_worker(FakeEngine(), PictureSteps(judge=hide_all))
    job = await service.ended((await service.post("a red apple", seed=1))["id"])
    digest = job["pictures"][0]["hash"]
    address = f"/i/{digest}.png"
    assert (await service.http.get(address)).status_code == 404
    assert (await service.http.get(job["grid_url"])).status_code == 404
    seen = await hand.look(digest)
    assert await hand.show(digest) == 1
    assert (await service.http.get(address)).content == seen
    assert (await service.http.get(job["grid_url"])).status_code == 200
    pictures = (await service.job(job["id"]))["pictures"]
    assert [picture["hidden"] for picture in pictures] == [False] + [True] * 8
    assert pictures[0]["hidden_reason"] is None
    published = await service.http.post(f"/api/v1/jobs/{job['id']}/publish")
    assert published.status_code == 200
    gateway = service.gateway
    audit = await Administration(gateway.database, gateway.queue, gateway.objects).decisions(1)
    assert (audit[-1]["stage"], audit[-1]["hash"], audit[-1]["action"]) == (
        "appeal",
        digest,
        "allow",
    )


async def test_what_was_removed_cannot_be_shown(
    service: RunningService, hand: PictureModeration
) -> None:
    await service.add_worker(FakeEngine(), PictureSteps(judge=hide_all))
    job = await service.ended((await service.post("a red apple", seed=1))["id"])
    digest = job["pictures"][0]["hash"]
    await hand.remove(digest, "asked for by its subject")
    for act in (hand.look, hand.show):
        with pytest.raises(UserError, match="no such picture"):
            await act(digest)


async def test_a_removed_picture_is_not_shown_while_it_is_drawn_again(
    service: RunningService,
) -> None:
    await service.add_worker(FakeEngine())
    hand = PictureModeration(service.gateway.database, service.gateway.objects)
    first = await service.ended((await service.post("a red apple", seed=1))["id"])
    gone = min(first["pictures"], key=lambda picture: int(picture["index"]))
    await hand.remove(gone["hash"], "asked for by its subject")
    again = await service.events((await service.post("a red apple", seed=1))["id"])
    shown = {event["index"] for event in again if event["type"] == "preview"}
    assert shown == set(range(1, 9))  # squares of one colour have no fingerprint to go by
    other = await service.events((await service.post("a red apple", seed=2))["id"])
    assert {event["index"] for event in other if event["type"] == "preview"} == set(range(9))


async def test_a_preview_that_looks_like_a_removed_picture_is_not_shown(
    service: RunningService, hand: PictureModeration
) -> None:
    await service.add_worker(FakeEngine())
    first = await service.ended((await service.post("a red apple", seed=1))["id"])
    await hand.remove(first["pictures"][0]["hash"], "asked for by its subject")
    again = await service.events((await service.post("a red apple", seed=2))["id"])
    assert [event for event in again if event["type"] == "preview"] == []


async def test_the_events_of_a_job_tell_no_address_of_a_picture_that_was_removed_since(
    service: RunningService, hand: PictureModeration
) -> None:
    await service.add_worker(FakeEngine())
    job = await service.ended((await service.post("a red apple", seed=1))["id"])
    digest = job["pictures"][0]["hash"]
    await hand.remove(digest, "asked for by its subject")
    told = {
        event["hash"]: event
        for event in await service.events(job["id"])
        if event["type"] == "picture"
    }
    assert (told[digest]["url"], told[digest]["hidden"]) == (None, True)
    assert told[digest]["hidden_reason"] == "This picture was removed."
    assert sum(event["url"] is not None for event in told.values()) == 8
