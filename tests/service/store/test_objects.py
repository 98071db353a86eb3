"""Laws of the object store, held by a folder and by a server process that speaks S3."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import obstore
import pytest
from sqlalchemy import URL

from ninefold.errors import UserError
from ninefold.pictures.png import without_manifest
from ninefold.service.store.objects import Objects, StorageError, content_hash
from tests.patience import PATIENCE_S
from tests.service.conftest import MakeSettings
from tests.service.fake_engine import FakeEngine
from tests.service.running import running_service

pytestmark = pytest.mark.anyio

BUCKET = "pictures-of-tests"


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """A moto server in a process of its own, with one bucket; returns its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                httpx2.put(f"{address}/{BUCKET}", headers={"Host": f"127.0.0.1:{port}"})
                break
            except httpx2.TransportError:
                time.sleep(0.1)
        else:
            pytest.fail("the S3 server did not start")
        yield address
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


@pytest.fixture
def s3_url(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The bucket's address, with the environment that an operator would set."""
    monkeypatch.setenv("AWS_ENDPOINT", s3_server)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return f"s3://{BUCKET}/some/prefix"


@pytest.fixture(params=["folder", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    """Each kind of store, empty."""
    if request.param == "folder":
        return Objects.open(None, tmp_path)
    url = f"{request.getfixturevalue('s3_url')}/{content_hash(str(tmp_path).encode())[:8]}"
    return Objects.open(url, tmp_path)


async def test_what_is_put_is_got_until_it_is_deleted(objects: Objects) -> None:
    assert await objects.get("a/b.png") is None
    await objects.put("a/b.png", b"picture")
    await objects.put("a/b.png", b"picture")
    assert await objects.get("a/b.png") == b"picture"
    assert await objects.keys("a") == ["a/b.png"]
    await objects.delete("a/b.png")
    await objects.delete("a/b.png")
    assert await objects.get("a/b.png") is None
    await objects.check()


async def test_a_store_that_refuses_is_tried_again_and_then_told(tmp_path: Path) -> None:
    objects = Objects.open(None, tmp_path, patience_s=0.3)
    (tmp_path / "pictures").rmdir()
    (tmp_path / "pictures").write_bytes(b"")
    with pytest.raises(StorageError, match="refused"):
        await objects.put("a/b.png", b"picture")
    (tmp_path / "pictures").unlink()
    (tmp_path / "pictures").mkdir()
    await objects.put("a/b.png", b"picture")


async def test_a_picture_without_a_place_is_written_again(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, failures = obstore.put_async, [FileNotFoundError("no such bucket")] * 2

    async def fail_at_first(*given: Any, **named: Any) -> Any:
        if failures:
            raise failures.pop()
        return await put(*given, **named)

    monkeypatch.setattr(obstore, "put_async", fail_at_first)
    await objects.put("a/b.png", b"picture")
    assert await objects.get("a/b.png") == b"picture"
    failures += [FileNotFoundError("no such bucket")] * 2
    await objects.put_once("a/c.png", b"picture")
    assert await objects.get("a/c.png") == b"picture"


async def test_a_folder_that_is_away_at_the_start_is_used_when_it_is_back(tmp_path: Path) -> None:
    (tmp_path / "pictures").write_bytes(b"")
    objects = Objects.open(None, tmp_path, patience_s=0.3)
    with pytest.raises(UserError, match=r"cannot be opened .* NINEFOLD_DATA"):
        objects.require()
    with pytest.raises(StorageError, match="cannot be read"):
        await objects.check()
    # Taken for "there is such a picture", the file in its way would lose one.
    with pytest.raises(StorageError, match="refused"):
        await objects.put_once("a/b.png", b"picture")
    (tmp_path / "pictures").unlink()
    objects.require()
    await objects.put_once("a/b.png", b"picture")
    assert await objects.get("a/b.png") == b"picture"


def test_an_address_of_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="NINEFOLD_PICTURES_URL"):
        Objects.open("gopher://somewhere", tmp_path)


async def test_a_job_is_drawn_into_an_s3_store(
    s3_url: str, database_url: URL, make_settings: MakeSettings
) -> None:
    async with running_service(make_settings(pictures_url=s3_url), database_url) as service:
        await service.add_worker(FakeEngine())
        job = await service.ended((await service.post("a red apple"))["id"])
        assert job["status"] == "done"
        digest = job["pictures"][0]["hash"]
        assert (await service.http.get(job["pictures"][0]["url"])).status_code == 200
        whole = await service.http.get(f"/api/v1/jobs/{job['id']}/pictures/{digest}.png")
        assert content_hash(without_manifest(whole.content)) == digest
        assert (await service.http.get(job["grid_url"])).status_code == 200
