"""Laws of a full disk: accepting says so, reading goes on, nothing is lost, all comes back."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import pytest
from psycopg.errors import DiskFull
from sqlalchemy import URL
from sqlalchemy.exc import OperationalError

from ninefold.service.app import to_problem
from ninefold.service.disk import Ballast
from ninefold.service.room import Room
from ninefold.service.store.database import migrate
from ninefold.service.store.embedded import EmbeddedPostgres
from tests.patience import PATIENCE_S
from tests.service.conftest import MakeSettings, open_folder
from tests.service.fake_engine import FakeEngine
from tests.service.running import RunningService, running_service
from tests.small_disk import small_disk

pytestmark = pytest.mark.anyio

MEBIBYTE = 2**20
ALL = ("api_v1", "openai", "automatic1111", "huggingface", "gradio", "craiyon")


def fill(folder: Path, name: str = "filler") -> Path:
    """Take the last byte of a disk."""
    filler = folder / name
    with suppress(OSError), filler.open("wb", 0) as file:
        while True:
            file.write(bytes(MEBIBYTE))
    with suppress(OSError), filler.open("ab", 0) as file:
        while True:
            file.write(bytes(512))
    return filler


async def asked_on_each_surface(service: RunningService) -> dict[str, str]:
    """Ask for pictures on every surface; return what each answers to a full disk."""
    bodies: dict[str, object] = {
        "/api/v1/jobs": {"prompt": "a hat"},
        "/v1/images/generations": {"prompt": "a hat", "model": "tiny"},
        "/sdapi/v1/txt2img": {"prompt": "a hat"},
        "/models/tiny": {"inputs": "a hat"},
        "/generate": {"prompt": "a hat"},
        "/v3": {"prompt": "a hat"},
        "/gradio_api/queue/join": {"data": ["a hat"], "session_hash": "a session"},
        "/gradio_api/call/generate": {"data": ["a hat"]},
    }
    answers = {}
    for path, body in bodies.items():
        answer = await service.http.post(path, json=body)
        assert answer.status_code == 507, (path, answer.status_code, answer.text)
        answers[path] = answer.text
    form = await service.http.post("/draw", data={"prompt": "a hat"})
    assert form.status_code == 507
    assert "<html" in form.text
    return answers


@pytest.mark.small_disk
async def test_a_full_disk_stops_accepting_alone_and_all_goes_on_when_there_is_room(
    make_settings: MakeSettings,
) -> None:
    with open_folder() as folder, small_disk(folder, 256):
        server = EmbeddedPostgres(folder)
        try:
            migrate(server.url)
            settings = make_settings(
                data=folder,
                reserved_disk_mib=40,
                storage_patience_s=0.2,
                surfaces=ALL,
                stalled_s=60,
            )
            async with running_service(settings, server.url) as service:
                await _live_through_a_full_disk(service, folder)
        finally:
            server.close()


async def _live_through_a_full_disk(service: RunningService, folder: Path) -> None:
    engine = FakeEngine()
    await service.add_worker(engine)
    shown = await service.ended((await service.post("shown"))["id"])
    engine.may_go_on = asyncio.Event()
    drawn = (await service.post("being drawn"))["id"]
    while len(engine.drawn) < 2:
        await asyncio.sleep(0.01)
    waiting = (await service.post("waits"))["id"]
    filler = fill(folder)
    await asyncio.sleep(0.6)  # as long as the room is known for
    answers = await asked_on_each_surface(service)
    assert '"code":"storage_full"' in answers["/api/v1/jobs"]
    assert '"error"' in answers["/v1/images/generations"]
    for path in ("/gradio_api/queue/join", "/gradio_api/call/generate"):
        told = json.loads(answers[path])  # what Gradio's clients show where a request fails
        assert told["code"] == "storage_full"
        assert isinstance(told["detail"], str)
    readable = ["/livez", "/readyz", "/metrics", f"/g/{shown['id']}", shown["pictures"][0]["url"]]
    readable += [shown["grid_url"], f"/api/v1/jobs/{drawn}", f"/api/v1/jobs/{waiting}", "/gallery"]
    for path in readable:
        assert (await service.http.get(path)).status_code == 200, path
    engine.may_go_on.set()
    await asyncio.sleep(1)  # what is drawn cannot be stored
    assert not (await service.job(drawn))["ended_at"]
    filler.unlink()
    for job_id in (drawn, waiting):
        job = await service.ended(job_id, timeout_s=PATIENCE_S)
        assert (job["status"], len(job["pictures"])) == ("done", 9)
    assert (await service.ended((await service.post("a hat"))["id"]))["status"] == "done"


def test_a_database_that_cannot_write_is_told_as_a_full_disk() -> None:
    problem = to_problem(OperationalError("INSERT", {}, DiskFull()))
    assert (problem.status, problem.code) == (507, "storage_full")


def test_the_disks_are_those_of_the_pictures_and_of_an_embedded_database(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    far = URL.create("postgresql", host="db.example.com")
    near = URL.create("postgresql", query={"host": str(tmp_path / "data" / "postgresql")})
    plenty = {"reserved_disk_mib": 2**40}  # more than any disk has
    (tmp_path / "data" / "postgresql").mkdir(parents=True)
    s3 = {"pictures_url": "s3://bucket/prefix"}
    assert Room.of(make_settings(**plenty, **s3), far).is_left
    assert not Room.of(make_settings(**plenty, **s3), near).is_left
    assert not Room.of(make_settings(**plenty), far).is_left
    assert not Room.of(make_settings(**plenty, pictures_url=tmp_path.as_uri()), far).is_left
    assert Room.of(make_settings(reserved_disk_mib=0), near).is_left


@pytest.mark.small_disk
def test_a_ballast_is_given_back_on_a_full_disk_and_taken_again_later(tmp_path: Path) -> None:
    with small_disk(tmp_path, 16):
        ballast, path = Ballast(tmp_path / "ballast", 2 * MEBIBYTE), tmp_path / "ballast"
        ballast.keep()
        assert path.stat().st_blocks * 512 >= 2 * MEBIBYTE
        filler = fill(tmp_path)
        ballast.keep()
        assert not path.exists()
        ballast.keep()
        assert not path.exists()
        filler.unlink()
        ballast.keep()
        assert path.exists()
