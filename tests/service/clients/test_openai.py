"""OpenAI's Python client, unmodified, against the service."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal

import httpx2
import openai
import pytest
from openai import AsyncOpenAI
from openai.types import ImageGenCompletedEvent, ImageGenPartialImageEvent
from PIL import Image
from sqlalchemy import URL

from ninefold.service.app import MAX_BODY_BYTES
from tests.service.clients.rates import turn_away_once
from tests.service.conftest import MakeSettings
from tests.service.fake_engine import CANNOT, SIZE, FakeEngine
from tests.service.running import RunningService, running_service

pytestmark = pytest.mark.anyio


class Counting(httpx2.AsyncHTTPTransport):
    """Counts what the client sends, its own retries included."""

    requests = 0
    answers = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Pass a request on."""
        self.requests += 1
        answer = await super().handle_async_request(request)
        self.answers += 1
        return answer


def client_of(service: RunningService, transport: httpx2.AsyncHTTPTransport) -> AsyncOpenAI:
    http = httpx2.AsyncClient(transport=transport)
    return AsyncOpenAI(base_url=f"{service.address}/v1", api_key="sk-of-no-use", http_client=http)


@pytest.fixture
def transport() -> Counting:
    return Counting()


@pytest.fixture
async def client(service: RunningService, transport: Counting) -> AsyncIterator[AsyncOpenAI]:
    async with client_of(service, transport) as client:
        yield client


@pytest.mark.parametrize("output_format", ["png", "webp", "jpeg"])
async def test_pictures_come_as_base64(
    drawing_service: RunningService,
    client: AsyncOpenAI,
    output_format: Literal["png", "webp", "jpeg"],
) -> None:
    answer = await client.images.generate(
        prompt="a red apple",
        model="gpt-image-1",
        n=3,
        size="1024x1024",
        output_format=output_format,
        extra_body={"seed": 7, "guidance_scale": 3.0},
    )
    assert answer.data is not None
    files = [base64.b64decode(item.b64_json or "") for item in answer.data]
    kinds = [Image.open(io.BytesIO(file)).format for file in files]
    assert kinds == [output_format.upper()] * 3
    assert (answer.output_format, answer.usage is not None) == (output_format, True)
    # The schema knows only OpenAI's own sizes, and clients keep what they do not know.
    assert str(answer.size) == f"{drawing_service.gateway.facts.picture_size}x" + str(
        drawing_service.gateway.facts.picture_size
    )


@pytest.mark.usefixtures("drawing_service")
async def test_pictures_come_as_addresses_and_a_seed_repeats_them(
    client: AsyncOpenAI,
) -> None:
    answers = [
        await client.images.generate(prompt="a red apple", n=2, extra_body={"seed": 7})
        for _ in range(2)
    ]
    urls = [[item.url for item in answer.data or []] for answer in answers]
    assert urls[0] == urls[1]
    assert len(set(urls[0])) == 2
    async with httpx2.AsyncClient() as http:
        file = (await http.get(urls[0][0] or "")).raise_for_status().content
    assert Image.open(io.BytesIO(file)).size == (SIZE, SIZE)


async def test_partial_images_stream_before_each_picture(
    service: RunningService, client: AsyncOpenAI
) -> None:
    await service.add_worker(FakeEngine(step_s=0.03))
    stream = await client.images.generate(
        prompt="a red apple", n=2, stream=True, partial_images=2, output_format="png"
    )
    events = [event async for event in stream]
    partial = [event for event in events if isinstance(event, ImageGenPartialImageEvent)]
    complete = [event for event in events if isinstance(event, ImageGenCompletedEvent)]
    assert len(partial) + len(complete) == len(events)
    assert len(complete) == 2
    assert 1 <= len(partial) <= 4
    assert events[0] in partial
    files = [event.b64_json for event in partial] + [event.b64_json for event in complete]
    for file in files:
        assert Image.open(io.BytesIO(base64.b64decode(file))).format == "PNG"
    assert {event.partial_image_index for event in partial} <= {0, 1}
    assert complete[0].usage.total_tokens > 0


@pytest.mark.usefixtures("drawing_service")
async def test_a_stream_that_fails_raises_the_clients_error(
    client: AsyncOpenAI,
) -> None:
    stream = await client.images.generate(prompt=CANNOT, stream=True)
    with pytest.raises(openai.APIError, match="cannot be drawn") as caught:
        [event async for event in stream]
    assert caught.value.code == "drawing_failed"


async def test_models_are_listed_and_found(service: RunningService, client: AsyncOpenAI) -> None:
    name = service.gateway.facts.name
    assert [model.id async for model in client.models.list()] == [name]
    assert (await client.models.retrieve(name)).owned_by == "ninefold"
    assert (await client.models.retrieve("dall-e-2")).id == "dall-e-2"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("dall-e-9")


async def test_moderations_ask_the_prompt_policy(
    client: AsyncOpenAI,
) -> None:
    answer = await client.moderations.create(input=["a red apple", "child porn"])
    assert [result.flagged for result in answer.results] == [False, True]
    assert answer.results[1].categories.sexual_minors
    assert answer.results[1].category_scores.sexual_minors == 1
    text: Any = {"type": "text", "text": "child porn"}
    parts = await client.moderations.create(input=[text])
    assert parts.results[0].flagged
    picture: Any = {"type": "image_url", "image_url": {"url": "http://127.0.0.1/secret"}}
    with pytest.raises(openai.BadRequestError):
        await client.moderations.create(input=[picture])


@pytest.mark.parametrize(
    ("members", "kind", "code", "param"),
    [
        ({"prompt": "a", "n": 11}, openai.BadRequestError, "invalid_request", "n"),
        ({"prompt": "a", "size": "big"}, openai.BadRequestError, "invalid_request", "size"),
        ({"prompt": "  "}, openai.BadRequestError, "invalid_request", None),
        ({"prompt": "a", "model": "x"}, openai.NotFoundError, "model_not_found", "model"),
        ({"prompt": "child porn"}, openai.BadRequestError, "moderation_blocked", None),
        ({"prompt": CANNOT}, openai.InternalServerError, "drawing_failed", None),
    ],
)
@pytest.mark.usefixtures("drawing_service")
async def test_what_cannot_be_done_is_said_once(
    client: AsyncOpenAI,
    transport: Counting,
    members: dict[str, object],
    kind: type[openai.APIStatusError],
    code: str,
    param: str | None,
) -> None:
    with pytest.raises(kind) as caught:
        await client.images.generate(**members)  # type: ignore[call-overload]
    assert (caught.value.code, caught.value.param) == (code, param)
    assert caught.value.request_id
    assert transport.requests == 1


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # of the client's own call
@pytest.mark.parametrize("call", ["edit", "create_variation", "chat", "responses"])
async def test_what_this_service_has_not_is_said_in_a_sentence_and_not_asked_again(
    service: RunningService, client: AsyncOpenAI, transport: Counting, call: str
) -> None:
    picture = ("picture.png", bytes(3 * MAX_BODY_BYTES), "image/png")
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "edit": lambda: client.images.edit(image=picture, prompt="a red apple"),
        "create_variation": lambda: client.images.create_variation(image=picture),
        "chat": lambda: client.chat.completions.create(
            model="tiny", messages=[{"role": "user", "content": "draw a red apple"}]
        ),
        "responses": lambda: client.responses.create(model="tiny", input="a red apple"),
    }
    with pytest.raises(openai.APIStatusError, match="/v1/images/generations") as caught:
        await calls[call]()
    assert (caught.value.status_code, caught.value.code) == (501, "not_supported")
    assert transport.requests == 1
    # The connection and the service go on.
    assert [model.id async for model in client.models.list()] == [service.gateway.facts.name]


async def test_an_unknown_key_of_ours_is_an_authentication_error(
    client: AsyncOpenAI,
) -> None:
    with pytest.raises(openai.AuthenticationError):
        await client.with_options(api_key="nf_unknown").images.generate(prompt="a")


async def test_a_rate_is_kept_to_by_the_clients_own_retry(
    drawing_service: RunningService,
    client: AsyncOpenAI,
    transport: Counting,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turn_away_once(drawing_service, "two", monkeypatch)
    for prompt in ("one", "two"):
        assert (await client.images.generate(prompt=prompt, n=9)).data
    assert transport.requests == 3


async def test_a_long_queue_is_not_asked_again(
    busy_service: RunningService, transport: Counting
) -> None:
    async with client_of(busy_service, transport) as client:
        with pytest.raises(openai.RateLimitError) as caught:
            await client.images.generate(prompt="a red apple")
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert int(caught.value.response.headers["retry-after"]) > 60
    assert transport.requests == 1


async def test_a_service_that_stops_is_asked_again(
    service: RunningService, client: AsyncOpenAI, transport: Counting
) -> None:
    await service.add_worker(FakeEngine())
    service.gateway.is_draining = True
    asking = asyncio.create_task(client.images.generate(prompt="a red apple"))
    while not transport.answers:
        await asyncio.sleep(0.01)
    service.gateway.is_draining = False  # as if another gateway had taken over
    assert (await asking).data
    assert transport.requests == 2


async def test_a_surface_that_is_switched_off_is_not_there(
    database_url: URL, make_settings: MakeSettings, transport: Counting
) -> None:
    settings = make_settings(surfaces="api_v1,craiyon")
    async with (
        running_service(settings, database_url) as service,
        client_of(service, transport) as client,
    ):
        with pytest.raises(openai.NotFoundError):
            await client.images.generate(prompt="a red apple")
