"""Laws of the logs: lines for machines, without prompts, keys or cookies unless asked for."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from ninefold.service.logs import configure_logs
from ninefold.service.settings import read_settings


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
