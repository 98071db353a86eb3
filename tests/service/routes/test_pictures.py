"""What the service hands out is signed, tells no prompt unless asked, and shows any change."""

import io
import json
import zipfile
from collections.abc import AsyncIterator

import c2pa
import pytest
from PIL import Image
from sqlalchemy import URL, update

from ninefold.pictures.png import parse_recipe
from ninefold.safety.provenance import MediaType, read_manifest
from ninefold.service.jobs.safe_steps import build_steps
from ninefold.service.store.tables import PictureRow
from tests.service.conftest import MakeSettings
from tests.service.fake_engine import FakeEngine
from tests.service.running import RunningService, running_service

pytestmark = pytest.mark.anyio

PROMPT = "a red apple on a blue chair"
TYPES: dict[str, MediaType] = {"png": "image/png", "webp": "image/webp", "jpg": "image/jpeg"}


@pytest.fixture
async def signing(database_url: URL, make_settings: MakeSettings) -> AsyncIterator[RunningService]:
    """A service that judges nothing, signs and marks."""
    settings = make_settings(picture_policy=False)
    async with running_service(settings, database_url) as running:
        await running.add_worker(FakeEngine(), build_steps(settings))
        yield running


async def test_the_grid_is_signed_as_the_independent_reader_sees_it(
    signing: RunningService,
) -> None:
    job = await signing.ended((await signing.post(PROMPT, seed=1))["id"])
    for extension, media_type in TYPES.items():
        address = job["grid_url"].removesuffix("png") + extension
        data = (await signing.http.get(address)).content
        with c2pa.Reader(media_type, io.BytesIO(data)) as reader:
            store = json.loads(reader.json())
        assert store["validation_state"] == "Valid"
        manifest = store["manifests"][store["active_manifest"]]
        actions = [each for each in manifest["assertions"] if each["label"].startswith("c2pa.act")]
        [created] = actions[0]["data"]["actions"]
        assert created["action"] == "c2pa.created"
        assert created["digitalSourceType"].endswith("trainedAlgorithmicMedia")
        assert PROMPT not in json.dumps(store)
        assert "thumbnail" not in manifest
        with Image.open(io.BytesIO(data)) as image:
            image.load()
        changed = bytearray(data)
        changed[-40 if extension != "jpg" else -3] ^= 1
        found = read_manifest(bytes(changed), media_type)
        assert found is None or found.state == "broken"


async def test_no_file_tells_the_prompt_but_the_one_that_is_asked_to(
    signing: RunningService,
) -> None:
    job = await signing.ended((await signing.post(PROMPT, seed=1))["id"])
    picture = job["pictures"][2]
    for extension in TYPES:
        data = (await signing.http.get(f"/i/{picture['hash']}.{extension}")).content
        assert PROMPT.encode() not in data
    answer = await signing.http.get(f"/api/v1/jobs/{job['id']}/pictures/{picture['hash']}.png")
    assert answer.headers["content-type"] == "image/png"
    recipe = parse_recipe(answer.content, "it")
    assert (recipe.prompt, recipe.seed, recipe.index) == (PROMPT, 1, picture["index"])
    manifest = read_manifest(answer.content, "image/png")
    assert manifest is not None
    assert manifest.state == "intact"
    assert manifest.origin is not None
    assert manifest.origin.prompt == PROMPT
    plain = (await signing.http.get(f"/i/{picture['hash']}.png")).content
    first, second = (Image.open(io.BytesIO(data)) for data in (plain, answer.content))
    assert first.tobytes() == second.tobytes()


async def test_a_recipe_needs_the_job_that_has_the_picture(signing: RunningService) -> None:
    first, second = [
        await signing.ended((await signing.post(prompt, seed=1))["id"])
        for prompt in (PROMPT, "a castle")
    ]
    digest = first["pictures"][0]["hash"]
    for job_id in (second["id"], "nothing"):
        answer = await signing.http.get(f"/api/v1/jobs/{job_id}/pictures/{digest}.png")
        assert answer.status_code == 404


async def test_where_nothing_is_signed_the_grid_is_not_either(
    database_url: URL, make_settings: MakeSettings
) -> None:
    settings = make_settings(sign_pictures=False, picture_policy=False)
    async with running_service(settings, database_url) as service:
        await service.add_worker(FakeEngine(), build_steps(settings))
        job = await service.ended((await service.post(PROMPT, seed=1))["id"])
        assert read_manifest((await service.http.get(job["grid_url"])).content, "image/png") is None
        digest = job["pictures"][0]["hash"]
        whole = await service.http.get(f"/api/v1/jobs/{job['id']}/pictures/{digest}.png")
        assert parse_recipe(whole.content, "it").prompt == PROMPT


async def test_all_that_others_may_see_comes_as_one_file(signing: RunningService) -> None:
    job = await signing.ended((await signing.post("a red\tapple", seed=1))["id"])
    url = job["grid_url"].replace("grid.png", "pictures.zip")
    hidden = job["pictures"][4]["hash"]
    files = {
        f"a-red-apple-{picture['index'] + 1}.png": (
            await signing.http.get(f"/i/{picture['hash']}.png")
        ).content
        for picture in job["pictures"]
        if picture["hash"] != hidden
    }
    async with signing.gateway.database.begin() as connection:
        await connection.execute(
            update(PictureRow).where(PictureRow.hash == hidden).values(audience="owner")
        )
    answer = await signing.http.get(url)
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files
    again = await signing.http.get(url, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


async def test_pictures_that_are_not_finished_are_not_packed(service: RunningService) -> None:
    job = await service.post(PROMPT)
    answer = await service.http.get(f"/api/v1/jobs/{job['id']}/pictures.zip")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_done")
