"""Whatever answers: a document, events, or one sentence on what to do."""

import httpx2
import pytest

from ninefold.client.answers import BusyError, parse_events, read_answer, require_address
from ninefold.errors import NinefoldError, UserError

SERVER = "http://127.0.0.1:8000"


def answer(status: int, content: object, **headers: str) -> httpx2.Response:
    return httpx2.Response(status, json=content, headers=headers)


@pytest.mark.parametrize("address", ["", "127.0.0.1:8000", "ftp://x", "http://", "http://x:99999"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UserError, match="no address of a service"):
        require_address(address)


def test_an_address_loses_its_slash() -> None:
    assert require_address("https://example.org/drawing/") == "https://example.org/drawing"


def test_a_document_is_returned() -> None:
    assert read_answer(answer(202, {"id": "x"}), SERVER) == {"id": "x"}


def test_a_refusal_says_how_to_object() -> None:
    refusal = {"message": "No.", "appeal": "Write to us."}
    problem = {"code": "prompt_refused", "detail": "No.", "refusal": refusal}
    with pytest.raises(UserError, match=r"^No\. Write to us\.$"):
        read_answer(answer(422, problem), SERVER)


@pytest.mark.parametrize("code", ["too_busy", "rate_limited", "stopping"])
def test_a_busy_service_says_how_long_to_wait(code: str) -> None:
    problem = {"code": code, "detail": "Later."}
    with pytest.raises(BusyError, match="Later") as caught:
        read_answer(answer(429, problem, **{"Retry-After": "42"}), SERVER)
    assert caught.value.retry_after_s == 42


@pytest.mark.parametrize("header", ["soon", "nan", "-5", "1e999"])
def test_a_wait_that_is_none_is_a_short_one(header: str) -> None:
    with pytest.raises(BusyError) as caught:
        read_answer(answer(503, "away", **{"Retry-After": header}), SERVER)
    assert 0 < caught.value.retry_after_s <= 3


def test_too_many_refusals_are_not_waited_for() -> None:
    problem = {"code": "too_many_refusals", "detail": "Enough."}
    with pytest.raises(UserError, match="Enough"):
        read_answer(answer(429, problem, **{"Retry-After": "80000"}), SERVER)


def test_a_failure_of_the_service_is_not_the_users() -> None:
    with pytest.raises(NinefoldError, match="went wrong") as caught:
        read_answer(answer(500, {"code": "internal", "detail": "It went wrong."}), SERVER)
    assert not isinstance(caught.value, UserError)


@pytest.mark.parametrize(("status", "content"), [(200, "<html>"), (404, "x"), (200, ["a"])])
def test_what_is_no_service_of_ours_is_said(status: int, content: object) -> None:
    with pytest.raises(NinefoldError, match="is no Ninefold service"):
        read_answer(answer(status, content), SERVER)


def test_events_are_read_and_comments_passed_over() -> None:
    lines = ["id: 1", "event: started", 'data: {"type": "started", "seq": 1}', "", ": ping", ""]
    assert list(parse_events(lines)) == [{"type": "started", "seq": 1}]


@pytest.mark.parametrize("line", ["data: x", "data: []", "data: {}", 'data: {"seq": "1"}'])
def test_a_stream_of_something_else_is_said(line: str) -> None:
    with pytest.raises(NinefoldError, match="cannot be understood"):
        list(parse_events([line]))


def test_a_password_in_an_address_is_not_shown() -> None:
    with pytest.raises(UserError) as caught:
        require_address("ftp://me:secret@host")
    assert "secret" not in str(caught.value)
