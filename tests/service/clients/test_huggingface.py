"""Hugging Face's text-to-image by InferenceClient, unmodified."""

import asyncio
import io
from collections.abc import Callable
from typing import Any

import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from PIL import Image

from tests.service.fake_engine import CANNOT, SIZE, FakeEngine
from tests.service.running import RunningService

pytestmark = pytest.mark.anyio


async def ask(service: RunningService, prompt: str, **members: Any) -> Image.Image:
    url = f"{service.address}/hf/{members.pop('model', service.gateway.facts.name)}"
    client = InferenceClient(model=url, api_key=members.pop("api_key", "hf_of_no_use"))
    draw: Callable[..., Image.Image] = client.text_to_image
    return await asyncio.to_thread(draw, prompt, **members)


async def test_one_picture_comes_as_it_was_drawn(service: RunningService) -> None:
    engine = FakeEngine()
    await service.add_worker(engine)
    image = await ask(
        service,
        "a red apple",
        negative_prompt="a worm",
        guidance_scale=3.0,
        width=512,
        num_inference_steps=20,
        seed=7,
    )
    assert (image.format, image.size) == ("PNG", (SIZE, SIZE))
    params = engine.drawn[0].params
    assert (params.count, params.seed) == (1, 7)
    assert (params.negative_prompt, params.condition_scale) == ("a worm", 3.0)
    again = await ask(service, "a red apple", seed=7, model="somebody/tiny")
    assert again.tobytes() == image.tobytes()


async def test_several_pictures_come_as_the_grid(drawing_service: RunningService) -> None:
    image = await ask(drawing_service, "a red apple", extra_body={"num_images": 9})
    assert image.width >= 3 * SIZE
    assert image.height > image.width


async def test_the_format_is_as_accepted(drawing_service: RunningService) -> None:
    url = f"/models/ninefold/{drawing_service.gateway.facts.name}"
    for accept, kind in [("image/webp,*/*;q=0.8", "WEBP"), ("image/jpeg", "JPEG"), ("*/*", "PNG")]:
        answer = await drawing_service.http.post(
            url, json={"inputs": "a red apple"}, headers={"Accept": accept}
        )
        assert answer.headers["content-type"] == f"image/{kind.lower()}"
        assert Image.open(io.BytesIO(answer.content)).format == kind
        assert int(answer.headers["x-seed"]) >= 0


@pytest.mark.parametrize(
    ("prompt", "members", "status", "message"),
    [
        ("  ", {}, 400, "prompt"),
        ("a", {"guidance_scale": -1.0}, 400, "guidance_scale"),
        ("a", {"extra_body": {"num_images": 17}}, 400, "at most 16"),
        ("a", {"model": "x"}, 404, "no model 'x'"),
        ("a swastika flag", {}, 422, "hate"),
        (CANNOT, {}, 500, "cannot be drawn"),
        ("a", {"api_key": "nf_unknown"}, 401, "API key"),
    ],
)
async def test_what_cannot_be_done_is_said_in_the_clients_error(
    drawing_service: RunningService,
    prompt: str,
    members: dict[str, Any],
    status: int,
    message: str,
) -> None:
    with pytest.raises(HfHubHTTPError, match=message) as caught:
        await ask(drawing_service, prompt, **members)
    assert caught.value.response.status_code == status
    assert set(caught.value.response.json()) == {"error", "error_type"}


async def test_a_long_queue_says_when_to_come_back(busy_service: RunningService) -> None:
    with pytest.raises(HfHubHTTPError, match="jobs are waiting") as caught:
        await ask(busy_service, "a red apple")
    assert caught.value.response.status_code == 429
    assert int(caught.value.response.headers["retry-after"]) > 60


async def test_a_service_that_stops_tells_the_estimated_time(service: RunningService) -> None:
    service.gateway.is_draining = True
    with pytest.raises(HfHubHTTPError, match="restarting") as caught:
        await ask(service, "a red apple")
    assert caught.value.response.status_code == 503
    assert caught.value.response.json()["estimated_time"] == 5.0
