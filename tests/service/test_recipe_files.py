"""Laws of pictures with recipes: signed once for all who ask, and gone with the picture."""

import asyncio
from functools import partial

import pytest

from ninefold.service.administration import Administration
from ninefold.service.recipe_files import RecipeFiles
from ninefold.service.routes import pictures
from ninefold.service.store.memory import MemoryCache
from tests.service.running import RunningService

pytestmark = pytest.mark.anyio


async def test_a_picture_with_its_recipe_is_made_once_and_not_given_when_it_was_removed(
    drawing_service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, made = drawing_service.gateway, 0
    tell = pictures._tell

    def counted(*given: object) -> bytes:
        nonlocal made
        made += 1
        return tell(*given)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(pictures, "_tell", counted)
    gateway.cache = MemoryCache(seconds=0)  # as if five seconds passed between any two
    job = await drawing_service.ended((await drawing_service.post("a red apple"))["id"])
    first, second = (
        f"/api/v1/jobs/{job['id']}/pictures/{picture['hash']}.png"
        for picture in job["pictures"][:2]
    )
    answers = await asyncio.gather(*(drawing_service.http.get(first) for _ in range(5)))
    answers += [await drawing_service.http.get(first) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["etag"] for answer in answers}) == 1
    assert made == 1
    assert (await drawing_service.http.get(second)).content != answers[0].content
    hand = Administration(gateway.database, gateway.queue, gateway.objects)
    digest = job["pictures"][0]["hash"]
    await hand.pictures.remove(digest, "asked for")
    assert (await drawing_service.http.get(first)).status_code in (404, 410)
    assert (await drawing_service.http.get(second)).status_code == 200


async def test_what_was_let_go_of_is_made_again() -> None:
    files, made = RecipeFiles(max_bytes=250), list[str]()

    def make(name: str) -> bytes:
        made.append(name)
        return name.encode() * 100

    for name in ("a", "b", "a", "c", "b", "a"):
        assert await files.get(name, partial(make, name)) == name.encode() * 100
    assert made == ["a", "b", "c", "a"]
    files.forget("a")
    await files.get("a", lambda: make("a"))
    assert made[-2:] == ["a", "a"]


async def test_who_hangs_up_leaves_the_file_to_others_and_an_error_is_not_kept() -> None:
    files, let_go = RecipeFiles(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait() -> bytes:
        asyncio.run_coroutine_threadsafe(let_go.wait(), loop).result()
        return b"made"

    asked = [asyncio.create_task(files.get("a", wait)) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asked[0].cancel()
    let_go.set()
    assert await asyncio.gather(*asked[1:]) == [b"made"] * 2

    def fail() -> bytes:
        raise LookupError("away")

    with pytest.raises(LookupError):
        await files.get("b", fail)
    assert await files.get("b", lambda: b"back") == b"back"
