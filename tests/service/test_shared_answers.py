"""Laws of shared answers: one for those who carry nothing, never one person's for another."""

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from ninefold.service.shared_answers import SharedAnswers


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
    [{"Cookie": "who=me"}, {"Authorization": "Bearer x"}, {"Accept-Language": "es"}],
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
