"""Gradio's queue by gradio_client, unmodified, and by plain requests as curl makes them."""

import asyncio
import io
import json
import warnings
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError, ValidationError
from gradio_client.utils import QueueError, Status
from PIL import Image

from tests.patience import PATIENCE_S
from tests.service.fake_engine import CANNOT, SIZE, FakeEngine
from tests.service.running import RunningService

pytestmark = [
    pytest.mark.anyio,
    # The client leaves its pools to the collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@contextmanager
def connected(service: RunningService, folder: Path, **given: Any) -> Iterator[Client]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        client = Client(
            service.address,
            verbose=False,
            download_files=folder,
            analytics_enabled=False,
            **given,
        )
        yield client
        client.close()
        for pool in (client.executor, client.helper_executor, client.stream_executor):
            pool.shutdown(wait=False)


@pytest.fixture
async def client(service: RunningService, tmp_path: Path) -> AsyncIterator[Client]:
    """A client; it reads what there is to call while it is made."""
    manager = connected(service, tmp_path / "downloads")
    yield await asyncio.to_thread(manager.__enter__)
    await asyncio.to_thread(manager.__exit__, None, None, None)


async def predict(client: Client, *data: Any, **named: Any) -> Any:
    return await asyncio.to_thread(client.predict, *data, api_name="/generate", **named)


async def test_a_call_downloads_the_pictures(service: RunningService, client: Client) -> None:
    engine = FakeEngine()
    await service.add_worker(engine)
    gallery, seed = await predict(
        client, "a red apple", negative_prompt="a worm", seed=7, count=4, condition_scale=3
    )
    files = [Path(item["image"]) for item in gallery]
    images = [Image.open(io.BytesIO(file.read_bytes())) for file in files]
    assert [(image.format, image.size) for image in images] == [("PNG", (SIZE, SIZE))] * 4
    assert len({file.read_bytes() for file in files}) == 4
    assert ({item["caption"] for item in gallery}, seed) == ({"a red apple"}, 7)
    params = engine.drawn[0].params
    assert (params.count, params.seed, params.negative_prompt) == (4, 7, "a worm")
    assert params.condition_scale == 3.0


@pytest.mark.usefixtures("drawing_service")
async def test_calls_of_one_session_follow_each_other_and_run_side_by_side(client: Client) -> None:
    for prompt in ("one", "two", "three"):
        gallery, _ = await predict(client, prompt, count=1)
        assert [item["caption"] for item in gallery] == [prompt]
    answers = await asyncio.gather(*(predict(client, f"prompt {n}", count=1) for n in range(3)))
    assert [gallery[0]["caption"] for gallery, _ in answers] == [f"prompt {n}" for n in range(3)]


def is_cancelled(job: Any) -> bool:
    """Tell whether a job came to nothing; asyncio would take its error for a task's own."""
    try:
        job.result(PATIENCE_S)
    except (AppError, CancelledError):
        return True
    return False


async def test_what_may_be_called_is_described(client: Client) -> None:
    described: Any = await asyncio.to_thread(
        client.view_api, print_info=False, return_format="dict"
    )
    endpoint = described["named_endpoints"]["/generate"]
    names = [parameter["parameter_name"] for parameter in endpoint["parameters"]]
    assert names == ["prompt", "negative_prompt", "seed", "count", "condition_scale"]
    assert [output["label"] for output in endpoint["returns"]] == ["Pictures", "Seed"]


async def test_place_and_progress_are_told_and_a_cancelled_job_is_cancelled(
    service: RunningService, client: Client
) -> None:
    engine = FakeEngine(step_s=0.02, may_go_on=asyncio.Event())
    await service.add_worker(engine)
    first = await asyncio.to_thread(client.submit, "first", api_name="/generate")
    while first.status().code is not Status.PROGRESS:
        await asyncio.sleep(0.02)
    second = await asyncio.to_thread(client.submit, "second", api_name="/generate")
    while second.status().code is not Status.IN_QUEUE:
        await asyncio.sleep(0.02)
    assert (second.status().rank, second.status().queue_size) == (0, 1)
    await asyncio.to_thread(second.cancel)
    assert await asyncio.to_thread(is_cancelled, second)
    assert engine.may_go_on is not None
    engine.may_go_on.set()
    gallery, _ = await asyncio.to_thread(first.result, PATIENCE_S)
    assert len(gallery) == 9
    assert [request.prompt for request in engine.drawn] == ["first"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (["  "], "prompt"),
        (["a", None, -1], "seed"),
        (["a", None, None, 17], "at most 16"),
        (["a swastika flag"], "hate"),
    ],
)
@pytest.mark.usefixtures("drawing_service")
async def test_what_may_not_be_is_the_clients_validation_error(
    client: Client, data: list[Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        await predict(client, *data)


@pytest.mark.usefixtures("drawing_service")
async def test_what_cannot_be_drawn_is_the_applications_error(client: Client) -> None:
    with pytest.raises(AppError, match="cannot be drawn"):
        await predict(client, CANNOT)


async def test_a_full_queue_is_the_clients_queue_error(
    busy_service: RunningService, tmp_path: Path
) -> None:
    manager = connected(busy_service, tmp_path / "downloads")
    client = await asyncio.to_thread(manager.__enter__)
    with pytest.raises(QueueError):
        await predict(client, "a red apple")
    await asyncio.to_thread(manager.__exit__, None, None, None)
    answer = await busy_service.http.post(
        "/gradio_api/queue/join", json={"data": ["a"], "session_hash": "s"}
    )
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 60


async def test_a_service_that_stops_is_like_a_full_queue(
    service: RunningService, client: Client
) -> None:
    service.gateway.is_draining = True
    with pytest.raises(QueueError):
        await predict(client, "a red apple")


async def test_other_problems_are_status_errors(service: RunningService, tmp_path: Path) -> None:
    headers = {"Authorization": "Bearer nf_unknown"}
    manager = connected(service, tmp_path / "downloads", headers=headers)
    client = await asyncio.to_thread(manager.__enter__)
    with pytest.raises(httpx.HTTPStatusError) as caught:
        await predict(client, "a red apple")
    assert caught.value.response.status_code == 401
    assert caught.value.response.json()["code"] == "invalid_api_key"
    await asyncio.to_thread(manager.__exit__, None, None, None)


async def test_a_service_that_stops_ends_what_waits_with_an_error(
    service: RunningService, client: Client
) -> None:
    job = await asyncio.to_thread(client.submit, "a red apple", api_name="/generate")
    while job.status().code is not Status.IN_QUEUE:
        await asyncio.sleep(0.02)
    service.gateway.event_streams.stop()
    with pytest.raises(AppError, match="restarting"):
        await asyncio.to_thread(job.result, PATIENCE_S)


async def test_an_event_is_called_and_followed_by_itself(drawing_service: RunningService) -> None:
    http = drawing_service.http
    for prompt, last in (("a red apple", "complete"), (CANNOT, "error")):
        answer = await http.post("/gradio_api/call/generate", json={"data": [prompt]})
        path = f"/gradio_api/call/generate/{answer.json()['event_id']}"
        frames = (await http.get(path)).text.strip().split("\n\n")
        event, data = (line.partition(": ")[2] for line in frames[-1].splitlines())
        assert event == last
        content = json.loads(data)
    assert "cannot be drawn" in content["error"]
    assert (await http.get("/gradio_api/call/generate/nothing")).status_code == 404


async def test_only_its_session_cancels_and_only_pictures_are_files(
    service: RunningService,
) -> None:
    body = {"data": ["a red apple"], "session_hash": "mine"}
    event_id = (await service.http.post("/gradio_api/queue/join", json=body)).json()["event_id"]
    for session, status in (("yours", 404), ("mine", 200)):
        answer = await service.http.post(
            "/gradio_api/cancel", json={"session_hash": session, "event_id": event_id}
        )
        assert answer.status_code == status
    assert (await service.job(event_id))["status"] == "cancelled"
    for name in ("../../etc/passwd", "/etc/passwd", f"{'0' * 64}.png"):
        assert (await service.http.get(f"/gradio_api/file={name}")).status_code == 404
