"""No request is answered with a server error, whatever its texts hold."""

import json
from typing import Any

import pytest

from tests.service.conftest import MakeSettings
from tests.service.running import RunningService

pytestmark = pytest.mark.anyio

ALL = "api_v1,openai,automatic1111,huggingface,gradio,craiyon"
NUL, HALF, HUGE = "\0", "\ud800", int("9" * 4000)
DIGEST = "0" * 64
JSON_HEADERS = {"Content-Type": "application/json"}


@pytest.fixture
def make_settings(make_settings: MakeSettings) -> MakeSettings:
    """Settings with all surfaces."""

    def make(**given: Any) -> Any:
        return make_settings(**{"surfaces": ALL, **given})

    return make


async def require_refused(service: RunningService, method: str, path: str, **given: Any) -> str:
    answer = await service.http.request(method, path, **given)
    assert 400 <= answer.status_code < 500, (method, path, given, answer.text)
    return answer.text


BAD_IDS = (NUL, f"a{NUL}b", HALF, "a/b", "a b", "", "ä", "x" * 65, "a\n")


async def test_an_id_that_no_job_can_have_is_refused(service: RunningService) -> None:
    def as_json(**members: Any) -> dict[str, Any]:
        return {"content": json.dumps(members), "headers": JSON_HEADERS}

    for bad in BAD_IDS:
        cancel = as_json(session_hash="x", event_id=bad)
        await require_refused(service, "POST", "/gradio_api/cancel", **cancel)
        report = as_json(reason="other", job_id=bad)
        await require_refused(service, "POST", f"/api/v1/pictures/{DIGEST}/report", **report)


PATHS = (
    *("/g/{}", "/g/{}/cancel", "/api/v1/jobs/{}", "/api/v1/jobs/{}/events", "/v1/models/{}"),
    *("/api/v1/jobs/{}/publish", "/api/v1/jobs/{}/grid.png", "/i/{}.png", "/static/{}/x.js"),
    *("/previews/{}/0.webp", "/gradio_api/call/generate/{}", "/gradio_api/file={}.png"),
    *("/hf/{}", "/models/{}", f"/g/x/pictures/{DIGEST}/report{{}}", "/{}"),
)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_path_of_any_bytes_is_answered(service: RunningService, method: str) -> None:
    given: dict[str, Any] = {}
    if method == "POST":
        given = {"json": {"inputs": "a red apple", "prompt": "a red apple"}}
    for path in PATHS:
        for bad in ("%00", "a%00b", "%ED%A0%80", "%F4%90%80%80", "%0A"):
            answer = await service.http.request(method, path.format(bad), **given)
            assert answer.status_code < 500, (method, path, bad, answer.text)


URLS = (
    *("http://[", "http://[::1", "//[", "http://]", "[", "http://[v1.x]/g/a", "", "\0"),
    *("http://\uff0f\uff0f/g/a", "http://a\u2100b/g/a", "{here}/g/a%00b", "{here}/g/\0"),
    *("{here}/g/", "{here}/g//", "{here}/g/../a", "{here}:99999999/g/a", "{here}/g/a?\0"),
    *("{here}/g/\U0010ffff", "http://user:pw@[/g/a", "{here}", "{here}/g/a/b", "{here}/g/a b"),
)


async def test_what_is_no_address_of_a_page_is_not_found(service: RunningService) -> None:
    for url in URLS:
        params = {"url": url.format(here=service.address)}
        await require_refused(service, "GET", "/oembed", params=params)


async def test_any_host_header_is_answered(service: RunningService) -> None:
    for host in ("[", "[::1", "a b", "a]b", "\xff", "x/y", "x:y", ""):
        headers = {b"Host": host.encode("latin-1")}
        for path in ("/", "/nothing", "/api/v1/jobs/x", "/oembed?url=http://x/g/y", "/v1/nothing"):
            answer = await service.http.get(path, headers=headers)
            assert answer.status_code < 500, (host, path)


async def test_a_member_of_any_name_is_answered_in_the_shape_of_the_surface(
    service: RunningService,
) -> None:
    bodies = {
        "/api/v1/jobs": {"prompt": "a", HALF: 1, NUL: 2, "x" * 9999: 3},
        f"/api/v1/pictures/{DIGEST}/report": {"reason": "other", HALF: 1},
        "/v1/images/generations": {"prompt": HALF, "n": HUGE, "model": HALF},
        "/v1/moderations": {"input": [{"type": HALF, HALF: HALF}]},
        "/sdapi/v1/txt2img": {"prompt": HALF, "alwayson_scripts": {HALF: 1}},
        "/sdapi/v1/options": {"sd_model_checkpoint": HALF},
        "/hf/pocket": {"inputs": HALF, "parameters": {HALF: HUGE, "seed": HUGE}},
        "/gradio_api/queue/join": {"session_hash": "x", "data": [HALF, HUGE]},
        "/gradio_api/call/generate": {"session_hash": HALF, "data": [{HALF: HALF}]},
        "/generate": {"prompt": HALF},
        "/v3": {"prompt": HALF, "model": HALF},
    }
    for path, body in bodies.items():
        content = json.dumps(body)
        text = await require_refused(service, "POST", path, content=content, headers=JSON_HEADERS)
        assert isinstance(json.loads(text), dict)
        assert len(text) < 2000


async def test_a_form_in_any_encoding_is_answered(service: RunningService) -> None:
    value = b"\\ud800." + b"x" * 70 + b"\0"
    part = b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n' + value
    encoded = b"prompt=%ED%A0%80%00&seed=%00&top_k=" + b"9" * 5000
    for path in ("/draw", f"/g/x/pictures/{DIGEST}/report"):
        for charset in ("unicode_escape", "idna", "punycode", "utf-16", "hex", "x", "\xff"):
            kind = f"multipart/form-data; boundary=b; charset={charset}".encode("latin-1")
            answer = await service.http.post(
                path, content=part + b"\r\n--b--\r\n", headers={b"Content-Type": kind}
            )
            assert answer.status_code < 500, (path, charset, answer.text)
        kind = b"application/x-www-form-urlencoded"
        answer = await service.http.post(path, content=encoded, headers={b"Content-Type": kind})
        assert 400 <= answer.status_code < 500, answer.text


async def test_a_value_that_the_database_cannot_hold_is_the_requests_mistake(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = service.gateway.reader.find

    async def find_any(_job_id: str, *given: Any) -> Any:
        return await find(NUL, *given)

    monkeypatch.setattr(service.gateway.reader, "find", find_any)
    text = await require_refused(service, "GET", "/api/v1/jobs/x")
    assert json.loads(text)["code"] == "invalid_request"


async def test_a_blank_negative_prompt_is_none_on_every_surface(service: RunningService) -> None:
    for blank in ("", " ", "\t\n\u00a0"):
        settings = {"negative_prompt": blank, "condition_scale": 1}
        job = await service.post("a red apple", settings=settings)
        assert job["settings"]["negative_prompt"] == ""
        body = {"data": ["a red apple", blank]}
        joined = await service.http.post("/gradio_api/call/generate", json=body)
        assert joined.status_code == 200, joined.text
