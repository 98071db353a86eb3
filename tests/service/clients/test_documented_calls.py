"""The calls that documentation shows and clients make unasked draw as the model's preset does.

Every example of `docs/http-api.md` is run as it stands, but for the address. The pictures of the
library's examples are judged in `tests/test_examples.py`.
"""

import asyncio
import dataclasses
import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from ninefold.generation.params import PRESETS
from tests.service.conftest import MakeSettings
from tests.service.fake_engine import FakeEngine
from tests.service.running import RunningService

pytestmark = pytest.mark.anyio

DOCUMENT = Path(__file__).parents[3] / "docs" / "http-api.md"
POCKET = PRESETS["pocket"]


def examples() -> dict[str, str]:
    """Return the client calls that the document shows, by the module that they import first."""
    text = DOCUMENT.read_text(encoding="utf-8")
    found = {}
    for block in re.findall(r"(?:^(?: {4}.*)?\n)+", text, re.MULTILINE):
        code = textwrap.dedent(block).strip()
        imported = re.match(r"(?:from|import) (\w+)", code)
        if imported is not None:
            found[imported[1]] = code
    return found


@pytest.fixture
def make_settings(make_settings: MakeSettings) -> MakeSettings:
    """Settings with all surfaces."""

    def make(**given: Any) -> Any:
        surfaces = "api_v1,openai,craiyon,automatic1111,huggingface,gradio"
        return make_settings(**{"surfaces": surfaces, **given})

    return make


def test_the_document_shows_every_client() -> None:
    assert set(examples()) == {"gradio_client", "huggingface_hub", "ninefold", "openai", "webuiapi"}


# Examples leave their clients, and what those hold, to the collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("module", sorted(examples()))
async def test_an_example_draws_with_the_models_own_settings(
    service: RunningService, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    engine = FakeEngine()
    await service.add_worker(engine)
    port = service.address.rpartition(":")[2]
    code = examples()[module].replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    code = code.replace("port=8000", f"port={port}").replace("/hf/pocket", "/hf/tiny")
    await asyncio.to_thread(exec, compile(code, DOCUMENT.name, "exec"), {})
    assert engine.drawn
    for request in engine.drawn:
        as_preset = dataclasses.replace(
            POCKET.params, seed=request.params.seed, count=request.params.count
        )
        assert request.params == as_preset


NEGATIVE = {"negative_prompt": "ugly, blurry"}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "webui": ("/sdapi/v1/txt2img", {"prompt": "a red apple", "cfg_scale": 7}),
    "webui at 1": ("/sdapi/v1/txt2img", {"prompt": "a red apple", "cfg_scale": 1}),
    "craiyon": ("/v3", {"prompt": "a red apple"}),
    "diffusers": ("/hf/tiny", {"inputs": "a red apple", "parameters": {"guidance_scale": 7.5}}),
    "openai": ("/v1/images/generations", {"prompt": "a red apple", "guidance_scale": 10}),
    "native": ("/api/v1/jobs", {"prompt": "a red apple"}),
    "gradio": ("/gradio_api/call/generate", {"data": ["a red apple"]}),
}


def with_negative(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return a body with a negative prompt where its API has it."""
    if path.startswith("/hf"):
        return {**body, "parameters": {**body["parameters"], **NEGATIVE}}
    if path.startswith("/gradio"):
        return {"data": [*body["data"], NEGATIVE["negative_prompt"]]}
    return {**body, "settings": NEGATIVE} if path.startswith("/api") else {**body, **NEGATIVE}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("has_negative", [False, True], ids=["", "with a negative prompt"])
async def test_what_a_client_sends_unasked_is_brought_into_the_models_range_and_said(
    service: RunningService, call: str, has_negative: bool
) -> None:
    engine = FakeEngine()
    await service.add_worker(engine)
    path, body = CALLS[call]
    answer = await service.http.post(path, json=with_negative(path, body) if has_negative else body)
    assert answer.status_code in (200, 202), answer.text
    while not engine.drawn:
        await asyncio.sleep(0.01)
    params = engine.drawn[0].params
    assert params.condition_scale == (POCKET.negative_scale if has_negative else 1.0)
    assert (params.temperature, params.top_k) == (POCKET.params.temperature, POCKET.params.top_k)
    job = await service.job(engine.drawn[0].id.partition(".")[0])  # an attempt at it
    sent = {"webui": 7, "diffusers": 7.5, "openai": 10}.get(call)
    if sent is not None:
        assert f"Guidance {sent:g} is above what this model is made for" in job["notices"][0]
    elif has_negative:
        assert "negative prompt" in job["notices"][0]
    else:
        assert job["notices"] == []
    await service.ended(job["id"])
    assert_told(path, answer, job["notices"])


def assert_told(path: str, answer: Any, notices: list[str]) -> None:
    """Look for the notices where a client of this API finds them."""
    if path.startswith("/hf"):
        assert json.loads(answer.headers.get("x-notices", "[]")) == notices
    elif path.startswith("/sdapi"):
        assert json.loads(answer.json()["info"])["notices"] == notices
    elif path.startswith(("/v1", "/v3", "/api")):
        assert answer.json()["notices"] == notices


async def test_guidance_that_a_person_chose_by_our_own_name_is_drawn_with(
    service: RunningService,
) -> None:
    engine = FakeEngine()
    await service.add_worker(engine)
    for scale in (1.5, 50.0):
        job = await service.post("a red apple", settings={"condition_scale": scale, **NEGATIVE})
        await service.ended(job["id"])
        assert engine.drawn[-1].params.condition_scale == scale
        assert job["notices"] == []
    settings = {"condition_scale": 1, **NEGATIVE}
    answer = await service.http.post(
        "/api/v1/jobs", json={"prompt": "a red apple", "settings": settings}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "condition_scale above 1, or leave it out" in answer.json()["detail"]
