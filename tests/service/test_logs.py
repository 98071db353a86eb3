"""Laws of the logs: lines for machines, without prompts, keys or cookies unless asked for."""

import asyncio
import gc
import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from ninefold.errors import NinefoldError, UserError
from ninefold.service.logs import MAX_FRAMES, configure_logs, log_uncaught_errors
from ninefold.service.settings import read_settings
from tests.service.running import RunningService

PROMPT = "a wish that nobody else may read"
COOKIE, KEY = "COOKIESECRET123", "nf_KEYSECRET456"


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """Put the root logger back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def log(**extra: object) -> dict[str, object]:
    stream = io.StringIO()
    configure_logs(read_settings(log_format="json", **_settings(extra)), "gateway", stream)
    logging.getLogger("ninefold.test").info("something %s", "happened", extra=extra)
    line: dict[str, object] = json.loads(stream.getvalue())
    return line


def _settings(extra: dict[str, object]) -> dict[str, object]:
    return {"log_prompts": True} if extra.pop("show", False) else {}


def test_a_line_is_one_json_object_with_who_and_when() -> None:
    line = log(job_id="j1")
    assert (line["event"], line["job_id"], line["role"]) == ("something happened", "j1", "gateway")
    assert line["timestamp"]


@pytest.mark.parametrize("name", ["prompt", "negative_prompt", "authorization", "cookie"])
def test_prompts_and_secrets_are_taken_out(name: str) -> None:
    assert log(**{name: "a very secret wish"})[name] == "[removed]"


def test_an_operator_may_ask_for_prompts_but_never_for_secrets() -> None:
    line = log(prompt="a wish", cookie="c", show=True)
    assert (line["prompt"], line["cookie"]) == ("a wish", "[removed]")


@pytest.mark.parametrize(
    "name", ["headers", "x-api-key", "idempotency_key", "apiKey", "session_hash", "set-cookie"]
)
def test_secrets_are_taken_out_by_the_words_of_their_names(name: str) -> None:
    given = {"authorization": KEY} if name == "headers" else KEY
    assert KEY not in json.dumps(log(request={name: [given]}))


def test_keys_are_taken_out_of_any_text() -> None:
    stream = start("json")
    log = logging.getLogger("ninefold.test")
    log.warning("%s and %s", f"Authorization: Bearer {COOKIE}", f"postgresql://me:{COOKIE}@host/db")
    log.warning("given %s", [KEY], extra={"seen": {"at": [KEY]}})
    assert COOKIE not in stream.getvalue()
    assert KEY not in stream.getvalue()
    assert "@host" not in stream.getvalue()
    assert "host/db" in stream.getvalue()


def start(log_format: str) -> io.StringIO:
    stream = io.StringIO()
    configure_logs(read_settings(log_format=log_format), "gateway", stream)
    return stream


def deep(left: int, prompt: str) -> None:
    """Fail far down, with secrets in the variables of every frame."""
    cookie, many = COOKIE, {name: [prompt] * 100 for name in map(str, range(100))}
    if left == 0:
        raise LookupError(f"{prompt}, {cookie} and {len(many)}")
    deep(left - 1, prompt)


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_an_error_is_told_by_its_kind_and_places_alone(log_format: str) -> None:
    stream = start(log_format)
    try:
        try:
            deep(200, PROMPT)
        except LookupError as error:
            raise ExceptionGroup(PROMPT, [error, ValueError(PROMPT)]) from KeyError(PROMPT)
    except ExceptionGroup:
        logging.getLogger("ninefold.test").exception("it failed")
    told = stream.getvalue()
    for secret in (PROMPT, COOKIE):
        assert secret not in told
    for kind in ("ExceptionGroup", "LookupError", "ValueError", "KeyError"):
        assert kind in told
    assert told.count("in deep" if log_format == "text" else '"name": "deep"') == MAX_FRAMES
    assert len(told) < 10_000


@pytest.mark.parametrize(
    ("error", "is_told"),
    [
        (OSError(28, "No space left on device"), True),
        (AttributeError("'NoneType' object has no attribute 'x'"), True),
        (NinefoldError("The store cannot be read."), True),
        (psycopg.OperationalError("connection failed"), True),
        (UserError(PROMPT), False),
        (OSError(PROMPT), False),
        (UnicodeEncodeError("utf-8", PROMPT, 0, 1, PROMPT), False),
        (RuntimeError(PROMPT), False),
    ],
)
def test_messages_of_the_code_and_the_machine_are_told(error: Exception, is_told: bool) -> None:
    stream = start("json")
    logging.getLogger("ninefold.test").error("it failed", exc_info=error)
    [told] = json.loads(stream.getvalue())["exception"]
    assert told["exc_type"] == type(error).__name__
    assert told["exc_value"] == (str(error) if is_told else "[removed]")


def test_an_error_that_an_event_loop_met_is_told_without_its_objects() -> None:
    stream = start("json")

    async def fail() -> None:
        raise LookupError(PROMPT)

    async def run() -> None:
        task = asyncio.ensure_future(fail())
        await asyncio.sleep(0.01)
        del task
        gc.collect()

    asyncio.run(run())
    assert "Task exception was never retrieved" in stream.getvalue()
    assert PROMPT not in stream.getvalue()


def test_errors_that_end_a_process_or_a_thread_go_to_the_logs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    stream = start("json")
    log_uncaught_errors()
    thread = threading.Thread(target=deep, args=(3, PROMPT))
    thread.start()
    thread.join()
    try:
        deep(3, PROMPT)
    except LookupError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["exception"][0]["exc_type"] for line in lines] == ["LookupError"] * 2
    assert PROMPT not in stream.getvalue()


@pytest.mark.anyio
@pytest.mark.parametrize("log_format", ["json", "text"])
async def test_an_unhandled_error_of_a_request_tells_nothing_of_the_visitor(
    service: RunningService, monkeypatch: pytest.MonkeyPatch, log_format: str
) -> None:
    stream = start(log_format)

    def fail(wish: Any) -> None:
        raise LookupError(f"cannot prepare {wish}")

    monkeypatch.setattr(service.gateway.admission, "prepare", fail)
    headers = {"Authorization": f"Bearer sk_{KEY}", "Cookie": f"ninefold_visitor={COOKIE}"}
    for path in ("/api/v1/jobs", "/v1/images/generations"):
        answer = await service.http.post(path, json={"prompt": PROMPT}, headers=headers)
        assert answer.status_code == 500
    told = stream.getvalue()
    assert told.count("LookupError") == 2
    for secret in (PROMPT, COOKIE, KEY):
        assert secret not in told
        assert secret not in answer.text
    assert len(told) < 20_000


@pytest.mark.anyio
async def test_an_error_of_the_database_tells_no_parameters(service: RunningService) -> None:
    stream = start("json")
    with pytest.raises(Exception, match="division") as caught:
        async with service.gateway.database.connect() as connection:
            await connection.execute(text("SELECT 1 / 0, :prompt"), {"prompt": PROMPT})
    assert PROMPT not in str(caught.value)
    logging.getLogger("ninefold.test").error("it failed", exc_info=caught.value)
    assert "DataError" in stream.getvalue()
    assert PROMPT not in stream.getvalue()


class Terminal(io.StringIO):
    """What a person looks at."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("log_format", "is_shown"), [("auto", False), ("text", True)])
def test_a_person_at_a_terminal_is_told_what_is_wrong_and_nothing_else(
    log_format: str, is_shown: bool
) -> None:
    stream = Terminal()
    configure_logs(read_settings(log_format=log_format), "gateway", stream)
    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("ninefold.test").warning("something is wrong")
    assert "something is wrong" in stream.getvalue()
    assert ("Started server process" in stream.getvalue()) == is_shown
