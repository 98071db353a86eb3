"""The pages as a crawler and as a reader without scripts gets them, and the files around them."""

import asyncio
import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from PIL import Image

from ninefold.service.routes import api_page, pages, report_form, site_files
from ninefold.web.assets import assets, static_url
from tests.service.running import RunningService

pytestmark = pytest.mark.anyio

PAGES = [
    "/",
    "/gallery",
    "/history",
    "/offline",
    "/about",
    "/terms",
    "/privacy",
    "/licence",
    "/model-card",
]


async def drawn(service: RunningService, prompt: str = "a red apple") -> dict[str, Any]:
    return await service.ended((await service.post(prompt))["id"])


def metas(page: str) -> dict[str, str]:
    found = re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)"', page)
    return dict(found)


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_runs_nothing_from_inside_and_loads_nothing_from_elsewhere(
    service: RunningService, path: str
) -> None:
    answer = await service.http.get(path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert not re.findall(
        r'(?:src|href)="https?://(?!127\.0\.0\.1)', answer.text.split("<body>")[0]
    )
    assert re.findall(r"<h1[ >]", answer.text)


async def test_a_page_is_in_the_language_that_was_chosen_and_stays_so(
    service: RunningService,
) -> None:
    spanish = await service.http.get("/?lang=es", headers={"accept-language": "ja"})
    assert '<html lang="es"' in spanish.text
    assert '<html lang="es"' in (await service.http.get("/gallery")).text
    service.http.cookies.clear()
    japanese = await service.http.get("/", headers={"accept-language": "ja,en;q=0.5"})
    assert japanese.headers["content-language"] == "ja"
    assert '<html lang="en"' in (await service.http.get("/?lang=%22%3E")).text


async def test_a_crawler_gets_a_picture_of_the_size_that_it_is_told(
    drawing_service: RunningService,
) -> None:
    job = await drawn(drawing_service)
    page = await drawing_service.http.get(f"/g/{job['id']}", headers={"user-agent": "crawler"})
    found = metas(page.text)
    assert found["robots"] == "noindex"
    assert found["og:image"] == job["grid_url"]
    grid = await drawing_service.http.get(found["og:image"])
    with Image.open(io.BytesIO(grid.content)) as image:
        assert image.size == (int(found["og:image:width"]), int(found["og:image:height"]))
        assert image.format == "PNG"
    await drawing_service.http.post(f"/api/v1/jobs/{job['id']}/publish")
    assert "robots" not in metas((await drawing_service.http.get(f"/g/{job['id']}")).text)


async def test_oembed_tells_of_the_drawing_that_an_address_is_of(
    drawing_service: RunningService,
) -> None:
    job = await drawn(drawing_service, 'a "red" <apple>')
    page = await drawing_service.http.get(f"/g/{job['id']}")
    found = re.search(r'type="application/json\+oembed" href="([^"]+)"', page.text)
    assert found is not None
    answer = await drawing_service.http.get(found[1].replace("&amp;", "&"))
    photo = answer.json()
    assert (photo["version"], photo["type"], photo["url"]) == ("1.0", "photo", job["grid_url"])
    assert '"red" <apple>' in photo["title"]
    small = {"url": job["links"]["page"], "maxwidth": 40}
    narrow = (await drawing_service.http.get("/oembed", params=small)).json()
    assert narrow["width"] <= 40
    assert narrow["url"].startswith(f"{drawing_service.address}/i/")


@pytest.mark.parametrize(
    ("url", "more", "status"),
    [
        ("https://elsewhere.example/g/abc", {}, 404),
        ("{here}/g/nothing", {}, 404),
        ("{here}/about", {}, 404),
        ("{here}/g/abc", {"format": "xml"}, 501),
        ("no address", {}, 404),
    ],
)
async def test_oembed_knows_only_drawings_of_here(
    service: RunningService, url: str, more: dict[str, str], status: int
) -> None:
    parameters = {"url": url.format(here=service.address), **more}
    assert (await service.http.get("/oembed", params=parameters)).status_code == status


async def test_a_form_draws_without_scripts(drawing_service: RunningService) -> None:
    fields = {
        "prompt": " a castle ",
        "seed": "7",
        "temperature": "0.5",
        "top_k": "",
        "model": "tiny",
    }
    answer = await drawing_service.http.post("/draw", data=fields)
    assert answer.status_code == 303
    job = await drawing_service.ended(answer.headers["location"].removeprefix("/g/"))
    assert (job["prompt"], job["seed"], job["settings"]["temperature"]) == ("a castle", 7, 0.5)
    page = (await drawing_service.http.get(f"/g/{job['id']}")).text
    assert len(re.findall(r'<a class="tile-picture" href="/i/[0-9a-f]{64}\.png"', page)) == 9
    by_idea = await drawing_service.http.post("/draw", data={"prompt": "", "example": "a robot"})
    assert by_idea.status_code == 303


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"prompt": "a severed head on a plate"}, "refused"),
        ({"prompt": "a cat", "seed": "many"}, "seed must be a number"),
        ({"prompt": "x" * 5000}, "5,000 characters"),
        ({"prompt": "a cat", "temperature": "-1"}, "temperature"),
    ],
)
async def test_a_form_that_cannot_be_drawn_says_why_and_keeps_what_was_written(
    service: RunningService, fields: dict[str, str], said: str
) -> None:
    answer = await service.http.post("/draw", data=fields)
    assert 400 <= answer.status_code < 500
    assert said in answer.text
    assert f'value="{fields["prompt"]}"' in answer.text


async def test_a_form_of_another_site_draws_nothing_and_changes_no_cookie(
    service: RunningService,
) -> None:
    headers = {"sec-fetch-site": "cross-site", "accept": "text/html"}
    answer = await service.http.post("/draw", data={"prompt": "a castle"}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    headers["sec-fetch-site"] = "same-origin"
    own = await service.http.post("/draw", data={"prompt": "a castle"}, headers=headers)
    assert own.status_code == 303


async def test_a_million_marks_are_refused_in_a_sentence(service: RunningService) -> None:
    marks = {"prompt": "a" + "\u0301" * 1_000_000}
    people = {"accept": "text/html"}
    answer = await service.http.post("/draw", data=marks, headers=people)
    assert answer.status_code == 413
    assert len(answer.content) < 20_000
    assert (await service.http.post("/api/v1/jobs", json=marks)).json()["code"] == "too_large"


async def test_a_reader_without_scripts_may_cancel_their_own(service: RunningService) -> None:
    answer = await service.http.post("/draw", data={"prompt": "a castle"})
    page = answer.headers["location"]
    assert f'action="{page}/cancel"' in (await service.http.get(page)).text
    assert (await service.http.post(f"{page}/cancel")).status_code == 303
    assert (await service.job(page.removeprefix("/g/")))["status"] == "cancelled"
    service.http.cookies.clear()
    assert (await service.http.post(f"{page}/cancel")).status_code == 403


async def test_a_missing_page_is_a_page_for_people_and_a_problem_for_programs(
    service: RunningService,
) -> None:
    for path in ("/nothing", "/g/nothing"):
        people = await service.http.get(path, headers={"accept": "text/html"})
        assert people.status_code == 404
        assert "<h1>There is nothing at this address</h1>" in people.text
        programs = await service.http.get(path, headers={"accept": "application/json"})
        assert programs.json()["code"] == "not_found"


async def test_files_are_kept_for_ever_at_the_address_of_their_version(
    service: RunningService,
) -> None:
    answer = await service.http.get(static_url("page.css"), headers={"accept-encoding": "identity"})
    assert "immutable" in answer.headers["cache-control"]
    assert answer.content == assets()["page.css"].data
    old = await service.http.get("/static/000000000000/page.css")
    assert old.headers["cache-control"] == "no-cache"
    assert (await service.http.get("/static/x/nothing.css")).status_code == 404
    packed = await service.http.get("/", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.compress(b"")[:2] not in packed.content[:2]  # the client unpacked it


async def test_the_worker_the_manifest_and_the_shell_lead_to_files_that_are_there(
    service: RunningService,
) -> None:
    assert (await service.http.get("/sw.js")).headers["content-type"].startswith("text/javascript")
    manifest = (await service.http.get("/manifest.webmanifest")).json()
    shell = (await service.http.get("/shell.json")).json()
    for path in [icon["src"] for icon in manifest["icons"]] + shell["files"]:
        assert (await service.http.get(path)).status_code == 200, path
    robots = (await service.http.get("/robots.txt")).text
    assert "Disallow: /api/" in robots
    assert (await service.http.get("/favicon.ico", follow_redirects=True)).status_code == 200


@pytest.mark.parametrize(
    "prompt", ["</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>']
)
async def test_a_hostile_prompt_is_text_on_every_page(
    drawing_service: RunningService, prompt: str
) -> None:
    job = await drawn(drawing_service, prompt)
    await drawing_service.http.post(f"/api/v1/jobs/{job['id']}/publish")
    for path in (f"/g/{job['id']}", "/gallery", f"/?prompt={prompt}"):
        page = (await drawing_service.http.get(path)).text
        assert prompt not in page
    block = re.search(
        r'<script type="application/ld\+json">(.*?)</script>',
        (await drawing_service.http.get(f"/g/{job['id']}")).text,
    )
    assert block is not None
    assert prompt in json.loads(block[1])["description"]


def test_every_address_of_the_site_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "web.md").read_text(encoding="utf-8")
    documented = {address.removeprefix("POST ") for address in re.findall(r"`([^`]+)`", page)}
    routers = (pages.router, report_form.router, site_files.router)
    paths = {
        route.path for router in routers for route in router.routes if isinstance(route, APIRoute)
    }
    assert len(paths) > 15
    assert paths <= documented


async def test_head_is_answered_as_get_without_a_body(drawing_service: RunningService) -> None:
    job = await drawn(drawing_service)
    picture = job["pictures"][0]["url"]
    paths = [*PAGES, "/livez", "/readyz", "/startupz", "/robots.txt", "/sw.js", "/shell.json"]
    paths += ["/manifest.webmanifest", "/favicon.ico", "/metrics", "/openapi.json", "/docs"]
    paths += [static_url("icon-192.png"), f"/g/{job['id']}", f"/api/v1/jobs/{job['id']}"]
    paths += ["/api/v1/status", "/api/v1/models", "/v1/models", "/nothing", "/g/nothing"]
    paths += [picture, f"/api/v1/jobs/{job['id']}/grid.png", "/gallery?page=0"]
    for path in paths:
        got = await drawing_service.http.get(path)
        head = await drawing_service.http.head(path)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        names = {"content-type", "content-length", "cache-control", "etag", "location"}
        for name in names - ({"content-length"} if path == "/metrics" else set()):
            assert head.headers.get(name) == got.headers.get(name), (path, name)
    assert (await drawing_service.http.head("/api/v1/jobs")).status_code == 405


async def test_head_of_a_stream_follows_nothing(service: RunningService) -> None:
    job = await service.post("a red apple")
    head = await service.http.head(f"/api/v1/jobs/{job['id']}/events")
    assert head.status_code == 200
    assert head.headers["content-type"].startswith("text/event-stream")
    assert head.content == b""
    while service.gateway.event_streams.count:
        await asyncio.sleep(0.01)


async def test_the_api_page_loads_nothing_from_elsewhere(service: RunningService) -> None:
    page = await service.http.get("/docs")
    assert page.status_code == 200
    assert "script-src 'self';" in page.headers["content-security-policy"]
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(addresses) == 5
    for address in addresses:
        assert address.startswith("/"), address
        answer = await service.http.get(address, follow_redirects=True)
        assert answer.status_code == 200, address
    assert not re.search(r"<script(?![^>]* src=)", page.text)
    bundle = next(address for address in addresses if address.endswith("bundle.js"))
    for encoding in ("gzip", "identity"):
        answer = await service.http.get(bundle, headers={"Accept-Encoding": encoding})
        assert "SwaggerUIBundle" in answer.text
        assert "immutable" in answer.headers["cache-control"]
    assert (await service.http.get("/docs/x/nothing.js")).status_code == 404
    for name in ("LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"):
        assert (api_page.PACKED / name).is_file()
