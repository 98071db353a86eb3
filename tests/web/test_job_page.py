"""The page of a drawing: complete without scripts, and inert whatever the prompt is."""

import html
import json
import os
import re
import subprocess
from html.parser import HTMLParser
from typing import Any

import pytest

from ninefold.web.catalogues import catalogues
from ninefold.web.job_page import GridImage, columns_for, command_of, job_values, tiles_of
from ninefold.web.rendering import DRAW, Reader, Templates

BASE = "https://ninefold.example"
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(1)</script>",
    "</title><svg onload=alert(1)>",
    "'; alert(1); '",
    "{{ 7 * 7 }} {% raw %} ${7*7}",
    "javascript:alert(1)//",
    "\u202egnp.exe\u2066 \u200f",
    "a" + "\u0301" * 100_000,
    "x" * 10_000,
    "]]>--><!--",
    "\u2028\u2029 line \x00\x07",
]


def picture(index: int, **changes: object) -> dict[str, Any]:
    digest = f"{index:064x}"
    return {
        "index": index,
        "rank": 8 - index,
        "hash": digest,
        "url": f"{BASE}/i/{digest}.png",
        "width": 256,
        "height": 256,
        "hidden": False,
        "hidden_reason": None,
        "audience": "gallery",
        "alt": "",
        **changes,
    }


def job(**changes: Any) -> dict[str, Any]:
    return {
        "id": "abc",
        "status": "done",
        "prompt": "a red apple",
        "seed": 7,
        "model": "pocket",
        "settings": {"count": 9, "condition_scale": 1.5, "negative_prompt": "", "seamless": False},
        "position": None,
        "eta_s": None,
        "created_at": "2026-11-24T12:00:00Z",
        "started_at": "2026-11-24T12:00:01Z",
        "ended_at": "2026-11-24T12:00:09Z",
        "progress": {"codes": 144, "total_codes": 144},
        "pictures": [picture(index) for index in range(9)],
        "grid_url": f"{BASE}/api/v1/jobs/abc/grid.png",
        "notices": [],
        "refusal": None,
        "error": None,
        "links": {"self": "/api/v1/jobs/abc", "events": "/api/v1/jobs/abc/events", "page": ""},
        **changes,
    }


def render(
    document: dict[str, Any] | None, *, is_public: bool = False, language: str = "en"
) -> str:
    reader = Reader(catalogues()[language], f"/g/{document['id']}" if document else "/", BASE)
    has_grid = document is not None and document["status"] == "done"
    grid = GridImage(f"{BASE}/api/v1/jobs/abc/grid.png", 864, 1000) if has_grid else None
    return Templates().render(
        "draw.html",
        DRAW,
        reader,
        models=["pocket"],
        prompt_value="",
        complaint=None,
        **job_values(document, reader, grid, is_public=is_public),
    )


class Reading(HTMLParser):
    """Reads a page as a browser without scripts would: elements, attributes and data blocks."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.blocks: dict[str, str] = {}
        self._block: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag == "script" and "src" not in attributes:
            self._block = attributes.get("id") or attributes.get("type") or ""
            self.blocks[self._block] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._block = None

    def handle_data(self, data: str) -> None:
        if self._block is not None:
            self.blocks[self._block] += data

    def meta(self, name: str) -> str | None:
        for tag, attributes in self.elements:
            if tag == "meta" and name in (attributes.get("property"), attributes.get("name")):
                return attributes.get("content")
        return None

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_a_crawler_finds_picture_size_text_and_where_it_belongs() -> None:
    page = Reading(render(job()))
    assert page.meta("og:title") == "“a red apple”, nine pictures"
    assert page.meta("og:image") == f"{BASE}/api/v1/jobs/abc/grid.png"
    assert (page.meta("og:image:width"), page.meta("og:image:height")) == ("864", "1000")
    assert page.meta("og:image:alt") == "Nine pictures drawn from the prompt: a red apple"
    assert page.meta("og:url") == f"{BASE}/g/abc"
    assert page.meta("twitter:card") == "summary_large_image"
    links = {link["rel"]: link["href"] for link in page.all("link")}
    assert links["canonical"] == f"{BASE}/g/abc"
    assert (
        links["alternate"]
        == f"{BASE}/oembed?url=https%3A%2F%2Fninefold.example%2Fg%2Fabc&format=json"
    )
    about = json.loads(page.blocks["application/ld+json"])
    assert about["@type"] == "ImageObject"
    assert about["digitalSourceType"].endswith("trainedAlgorithmicMedia")
    assert about["contentUrl"] == page.meta("og:image")


def test_a_drawing_is_not_indexed_before_it_is_published() -> None:
    assert Reading(render(job())).meta("robots") == "noindex"
    assert Reading(render(job(), is_public=True)).meta("robots") is None


def test_without_scripts_the_nine_pictures_are_links_to_their_files() -> None:
    page = Reading(render(job()))
    shown = [item for item in page.all("a") if item.get("class") == "tile-picture"]
    assert [item["href"] for item in shown] == [
        f"/i/{index:064x}.png" for index in range(8, -1, -1)
    ]
    alts = [image["alt"] for image in page.all("img") if (image.get("src") or "").endswith(".webp")]
    assert alts[0] == "a red apple, picture 9"
    assert len(set(alts)) == 9


@pytest.mark.parametrize("status", ["queued", "drawing"])
def test_without_scripts_a_page_refreshes_only_while_it_is_drawn(status: str) -> None:
    waiting = render(job(status=status, pictures=[], grid_url=None, ended_at=None))
    assert '<noscript><meta http-equiv="refresh"' in waiting
    assert "http-equiv" not in render(job())


def test_a_refusal_says_why_and_how_to_object() -> None:
    refusal = {
        "rule": "r",
        "category": "hate",
        "message": "Refused by r.",
        "appeal": "Write to us.",
    }
    page = render(job(status="refused", refusal=refusal, pictures=[], grid_url=None))
    assert "Refused by r. Write to us." in page


def test_a_hidden_picture_shows_its_reason_and_no_address() -> None:
    pictures = [picture(index) for index in range(9)]
    pictures[3] |= {"hidden": True, "hidden_reason": "Hidden: violence.", "url": None}
    page = render(job(pictures=pictures))
    assert re.search(r'<ul class="notices"><li dir="auto">Hidden: violence\.</li></ul>', page)
    [tile] = re.findall(r'<div class="tile-hidden">(.*?)</div>', page, re.DOTALL)
    assert "<p>This picture is hidden.</p>" in tile
    assert '<p class="tile-hidden-reason" dir="auto">Hidden: violence.</p>' in tile
    assert f'href="/g/abc/pictures/{pictures[3]["hash"]}/report"' in tile
    assert f"/i/{3:064x}" not in re.sub(r'<script type="application/json".*?</script>', "", page)


@pytest.mark.parametrize("prompt", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("status", ["done", "drawing"])
def test_a_hostile_prompt_is_text_everywhere(prompt: str, status: str) -> None:
    harmless, hostile = render(job(status=status)), render(job(status=status, prompt=prompt))
    expected, found = Reading(harmless), Reading(hostile)
    assert [tag for tag, _ in found.elements] == [tag for tag, _ in expected.elements]
    for (_, attributes), (_, plain) in zip(found.elements, expected.elements, strict=True):
        assert attributes.keys() == plain.keys()
        assert not (attributes.get("href") or "").startswith("javascript")
    assert json.loads(found.blocks["job"])["prompt"] == prompt
    visible = re.sub(r"<script.*?</script>", "", hostile, flags=re.DOTALL)
    for turner in "\u202e\u2066\u200f\x00\x07":
        assert turner not in html.unescape(visible)
    assert hostile.count("\u0301") < 200_100


def test_a_page_has_no_script_and_no_style_inside() -> None:
    for page in (render(None), render(job())):
        reading = Reading(page)
        for script in reading.all("script"):
            inert = script.get("type") in ("application/json", "application/ld+json")
            assert inert or (script.get("src") or "").startswith("/static/")
        for _, attributes in reading.elements:
            assert "style" not in attributes
            assert not [name for name in attributes if name.startswith("on")]
        assert not reading.all("style")


@pytest.mark.parametrize("language", list(catalogues()))
def test_every_language_has_a_whole_page(language: str) -> None:
    page = render(job(), language=language)
    assert f'<html lang="{language}"' in page
    assert "{prompt}" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


@pytest.mark.parametrize(
    "prompt", ["it's; rm -rf ~", "$(id) `id`", "-5 degrees", "two\nlines", "a\u202e'b\\", "👩‍🚀"]
)
def test_the_command_gives_a_shell_the_prompt_and_nothing_else(prompt: str) -> None:
    command = command_of(job(prompt=prompt)).replace("ninefold", "printf '%s\\0'", 1)
    words = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C.UTF-8", "PATH": os.defpath},
    ).stdout.decode()
    assert words.split("\0")[-3:] == ["--", prompt, ""]


def test_tiles_wait_in_drawing_order_and_then_stand_the_best_first() -> None:
    some = job(status="drawing", pictures=[picture(4, rank=None)])
    assert [tile.kind for tile in tiles_of(some)].count("waiting") == 8
    assert tiles_of(some)[4].kind == "picture"
    assert [tile.index for tile in tiles_of(job())] == [8, 7, 6, 5, 4, 3, 2, 1, 0]
    later = job(settings={"count": 2}, pictures=[picture(4), picture(5)])
    assert [tile.index for tile in tiles_of(later)] == [5, 4]


def test_a_board_is_as_near_to_a_square_as_it_can_be() -> None:
    assert [columns_for(count) for count in (1, 2, 4, 9, 16, 64)] == [1, 2, 2, 3, 4, 8]


@pytest.mark.parametrize("language", ["en", "es", "ja"])
def test_the_notice_says_what_was_measured_and_no_more(language: str) -> None:
    reader = Reader(catalogues()[language], "/", BASE)
    values = {"models": ["pocket"], "prompt_value": "", "complaint": None}

    def notice(gender: int | None, skin: int | None) -> str:
        bias = {"num_pictures": 48, "num_different": 47, "one_gender": gender, "yellow_skin": skin}
        page = Templates().render(
            "draw.html", DRAW, reader, bias=bias, **values, **job_values(None, reader, None)
        )
        found = re.search(r'<p class="honesty">(.*?)</p>', page, re.DOTALL)
        assert found is not None
        return found[1]

    numbers = [[*map(str, (48, 47))], [*map(str, (48, 47, 81))], [*map(str, (48, 47, 99))]]
    for wanted, measured in zip(numbers, ((None, None), (81, None), (None, 99)), strict=True):
        assert re.findall(r"\d+", notice(*measured)) == wanted
