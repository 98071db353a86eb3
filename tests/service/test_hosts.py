"""Laws of who may send what: known names, own pages, and programs."""

import asyncio
from typing import Any

import httpx2
import pytest
from sqlalchemy import URL

from ninefold.service.hosts import AllowedHosts
from ninefold.service.settings import Settings
from tests.patience import PATIENCE_S
from tests.service.conftest import MakeSettings
from tests.service.fake_engine import FakeEngine
from tests.service.running import RunningService, running_service

pytestmark = pytest.mark.anyio

OPEN: dict[str, Any] = {"host": "0.0.0.0", "secret": "x" * 32}


@pytest.mark.parametrize(
    ("given", "host", "expected"),
    [
        ({}, "localhost", True),
        ({}, "LOCALHOST:8000", True),
        ({}, "localhost.", True),
        ({}, "127.0.0.1:8000", True),
        ({}, "127.9.9.9", True),
        ({}, "[::1]:8000", True),
        ({}, "evil.example", False),
        ({}, "evil.example:8000", False),
        ({}, "localhost.evil.example", False),
        ({}, "localhost@evil.example", False),
        ({}, "127.0.0.1.evil.example", False),
        ({}, "192.168.1.5:8000", False),
        ({}, "", False),
        ({}, "a b", False),
        ({}, "localhost:port", False),
        ({}, "localhost/evil", False),
        ({"public_url": "https://Draw.example/"}, "draw.example", True),
        ({"public_url": "https://draw.example"}, "www.draw.example", False),
        ({"allowed_hosts": "box.lan, *.example.org"}, "BOX.lan:8000", True),
        ({"allowed_hosts": "box.lan, *.example.org"}, "a.b.example.org", True),
        ({"allowed_hosts": "box.lan, *.example.org"}, "example.org", False),
        ({"allowed_hosts": "*"}, "evil.example", True),
        (OPEN, "192.168.1.5:8000", True),
        (OPEN, "[2001:db8::1]", True),
        (OPEN, "evil.example", False),
    ],
)
def test_a_service_answers_for_its_own_names(
    make_settings: MakeSettings, given: dict[str, Any], host: str, expected: bool
) -> None:
    assert AllowedHosts(make_settings(**given)).holds(host) is expected


@pytest.mark.parametrize("path", ["/metrics", "/", "/api/v1/status", "/livez", "/v1/models"])
async def test_under_a_name_that_points_here_by_rebinding_nothing_is_told(
    service: RunningService, path: str
) -> None:
    assert (await service.http.get(path)).status_code == 200
    answer = await service.http.get(path, headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert "NINEFOLD_ALLOWED_HOSTS" in answer.text


def with_surface(make_settings: MakeSettings, **given: Any) -> Settings:
    return make_settings(surfaces="api_v1,automatic1111,gradio,openai", **given)


CROSS_SITE = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


async def test_a_form_of_another_site_cancels_nothing(
    database_url: URL, make_settings: MakeSettings
) -> None:
    async with running_service(with_surface(make_settings), database_url) as service:
        await service.add_worker(FakeEngine(step_s=0.05))
        body = {"prompt": "a red apple", "batch_size": 1}
        drawing = asyncio.create_task(service.http.post("/sdapi/v1/txt2img", json=body))
        async with asyncio.timeout(PATIENCE_S):
            while not (await service.http.get("/sdapi/v1/progress")).json()["state"]["job_count"]:
                await asyncio.sleep(0.02)
        for path in ("/sdapi/v1/interrupt", "/sdapi/v1/skip"):
            for headers in CROSS_SITE:
                answer = await service.http.post(path, headers=headers, data={"a": "b"})
                assert answer.status_code == 403, headers
                assert "another site" in answer.text
        assert len((await drawing).json()["images"]) == 1


@pytest.mark.parametrize("headers", CROSS_SITE)
async def test_no_route_is_changed_by_another_sites_page(
    service: RunningService, headers: dict[str, str]
) -> None:
    for path in ("/draw", "/api/v1/jobs", "/gradio_api/queue/join", "/v1/moderations", "/nothing"):
        assert (await service.http.post(path, headers=headers)).status_code == 403
    assert (await service.http.get("/", headers=headers)).status_code == 200


async def test_a_client_that_names_its_own_service_as_origin_is_a_program(
    service: RunningService,
) -> None:
    """craiyon.py does; a page of that site would have to ask before it sends JSON."""
    body = {"prompt": ""}
    named = {"Origin": "https://www.craiyon.com"}

    async def status(path: str, headers: dict[str, str], **sent: Any) -> int:
        return int((await service.http.post(path, headers=headers, **sent)).status_code)

    assert await status("/generate", named, json=body) == 422
    assert await status("/generate", named, data=body) == 403
    assert await status("/generate", {**named, "Sec-Fetch-Site": "cross-site"}, json=body) == 403
    assert await status("/generate", {"Origin": "https://evil.example"}, json=body) == 403
    assert await status("/api/v1/jobs", named, json=body) == 403


async def test_own_pages_programs_and_sites_of_the_settings_may_ask(
    database_url: URL, make_settings: MakeSettings
) -> None:
    settings = make_settings(
        cors_origins="https://friend.example", public_url="https://draw.example/"
    )
    async with running_service(settings, database_url) as service:
        allowed: list[dict[str, str]] = [
            {},
            {"Origin": service.address},
            {"Origin": "https://friend.example", "Sec-Fetch-Site": "cross-site"},
            {"Origin": "https://draw.example", "Sec-Fetch-Site": "same-origin"},
            {"Origin": "https://draw.example"},
            {"Sec-Fetch-Site": "none"},
        ]
        for headers in allowed:
            answer = await service.http.post(
                "/api/v1/jobs", json={"prompt": "a red apple"}, headers=headers
            )
            assert answer.status_code == 202, headers


async def ask_as_newcomer(service: RunningService, prompt: str, key: str) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=service.address, timeout=PATIENCE_S) as newcomer:
        return await newcomer.post(
            "/api/v1/jobs",
            json={"prompt": prompt, "seed": 1},
            headers={"Idempotency-Key": key},
        )


@pytest.mark.parametrize("other", ["a pear", "a red apple"])
async def test_newcomers_of_a_network_who_choose_the_same_plain_key_share_nothing(
    service: RunningService, other: str
) -> None:
    first = await ask_as_newcomer(service, "a red apple", "1")
    second = await ask_as_newcomer(service, other, "1")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] != second.json()["id"]
    assert "idempotent-replayed" not in second.headers


async def test_a_secret_key_finds_the_answer_that_a_newcomer_lost(service: RunningService) -> None:
    key = "0f8b5c0e-3d0c-4d53-9a55-0d7c5a7f2f11"
    first = await ask_as_newcomer(service, "a red apple", key)
    again = await ask_as_newcomer(service, "a red apple", key)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotent-replayed"] == "true"


async def test_a_long_key_that_anybody_might_type_is_no_secret(service: RunningService) -> None:
    answers = [await ask_as_newcomer(service, "a red apple", "1" * 40) for _ in range(2)]
    assert len({answer.json()["id"] for answer in answers}) == 2
