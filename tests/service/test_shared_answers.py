"""Laws of shared answers: one for those who carry nothing, never one person's for another."""

import asyncio
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from ninefold.service.shared_answers import SharedAnswers
from tests.patience import PATIENCE_S


class Counting:
    """An application that counts how often it answers, and says what it was asked by."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.count += 1
        request = Request(scope)
        response: Response = PlainTextResponse(f"{self.count} {request.cookies.get('who', '')}")
        if request.query_params.get("missing"):
            response = PlainTextResponse("nothing", 404)
        if request.query_params.get("cookie"):
            response.set_cookie("who", "me")
        await response(scope, receive, send)


@pytest.fixture
def app() -> Counting:
    return Counting()


@pytest.fixture
def client(app: Counting) -> TestClient:
    return TestClient(SharedAnswers(app, ("/g/",)))


def test_a_page_is_made_once_for_many(app: Counting, client: TestClient) -> None:
    first = client.get("/g/a")
    assert [client.get("/g/a").text for _ in range(5)] == [first.text] * 5
    assert client.get("/g/a").headers == first.headers
    assert app.count == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": "who=me"},
        {"Authorization": "Bearer x"},
        {"Accept-Language": "es"},
        {"Origin": "https://another.example"},
    ],
)
def test_what_makes_a_difference_is_answered_by_itself(
    app: Counting, client: TestClient, headers: dict[str, str]
) -> None:
    client.get("/g/a")
    client.get("/g/a", headers=headers)
    assert app.count == 2


@pytest.mark.parametrize("url", ["/other", "/g/a?missing=1", "/g/a?cookie=1"])
def test_other_paths_errors_and_answers_with_cookies_are_not_kept(
    app: Counting, client: TestClient, url: str
) -> None:
    for _ in range(2):
        client.cookies.clear()
        client.get(url)
    assert app.count == 2


def test_an_answer_is_kept_for_a_moment_only(app: Counting) -> None:
    client = TestClient(SharedAnswers(app, ("/g/",), seconds=0.0))
    client.get("/g/a")
    client.get("/g/a")
    assert app.count == 2


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Held(Counting):
    """One that answers when it may."""

    def __init__(self, *, fails: bool = False) -> None:
        super().__init__()
        self.may_go_on, self.fails = asyncio.Event(), fails

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        number = self.count = self.count + 1
        await self.may_go_on.wait()
        if self.fails and number == 1:
            raise ConnectionError("away")
        await PlainTextResponse(f"{number}")(scope, receive, send)


async def read(shared: SharedAnswers, reads_on: asyncio.Event | None = None) -> bytes:
    """Ask for a page and return its body; a reader who is slow takes it when the event is set."""
    found: list[bytes] = []
    headers: list[tuple[bytes, bytes]] = []
    scope: dict[str, Any] = {"type": "http", "method": "GET", "scheme": "http", "path": "/g/a"}

    async def receive() -> Message:
        raise AssertionError("nothing is read of a GET")

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            if reads_on is not None:
                await reads_on.wait()
            found.append(message["body"])

    await shared(scope | {"query_string": b"", "headers": headers}, receive, send)
    return b"".join(found)


@pytest.mark.anyio
async def test_who_asks_while_a_page_is_made_waits_for_it_but_for_no_slow_reader() -> None:
    app, reads_on = Held(), asyncio.Event()
    shared = SharedAnswers(app, ("/g/",))
    slow = asyncio.create_task(read(shared, reads_on))
    await asyncio.sleep(0)
    others = [asyncio.create_task(read(shared)) for _ in range(5)]
    await asyncio.sleep(0.01)
    app.may_go_on.set()
    assert await asyncio.wait_for(asyncio.gather(*others), PATIENCE_S) == [b"1"] * 5
    assert not slow.done()
    reads_on.set()
    assert (await slow, app.count) == (b"1", 1)


@pytest.mark.anyio
async def test_who_waited_in_vain_is_answered_nevertheless() -> None:
    app = Held(fails=True)
    shared = SharedAnswers(app, ("/g/",))
    reading = [asyncio.create_task(read(shared)) for _ in range(3)]
    await asyncio.sleep(0.01)
    app.may_go_on.set()
    answers = await asyncio.gather(*reading, return_exceptions=True)
    assert isinstance(answers[0], ConnectionError)
    assert answers[1:] == [b"2", b"2"]
