"""For everyone: axe, the keyboard alone, small screens, both directions, both schemes, offline."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser.conftest import OpenVisitor
from tests.web.browser.looking import draw, see_nine
from tests.web.browser.painting import measure_painting
from tests.web.browser.site import Site

AXE = Path(__file__).parents[3] / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
STANDING = [
    "/gallery",
    "/history",
    "/about",
    "/model-card",
    "/terms",
    "/privacy",
    "/licence",
    "/offline",
]


@pytest.fixture(scope="module")
def job(site: Site) -> dict[str, Any]:
    """A finished drawing."""
    return site.draw("a red apple")


def findings(page: Page, kind: str, values: list[str]) -> list[str]:
    """What axe finds on a page as it is now, by rules of a kind."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE.read_text(encoding="utf-8"))  # by the debugger, which no policy binds
    options = {"runOnly": {"type": kind, "values": values}}
    result = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{found['id']}: {node['html'][:200]} {node['any'][0]['message'] if node['any'] else ''}"
        for found in result["violations"]
        for node in found["nodes"]
    ]


def findings_in_both_schemes(page: Page) -> list[str]:
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    found = findings(page, "tag", TAGS)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    return found + findings(page, "rule", ["color-contrast"])  # only colours differ


def test_axe_finds_nothing_on_the_way_to_nine_pictures(visit: OpenVisitor, site: Site) -> None:
    page = visit(reduced_motion="reduce").page()
    page.get_by_text("More to choose").click()
    assert findings_in_both_schemes(page) == []
    site.engine.hold()
    draw(page, "a castle")
    expect(page.locator(".board img.is-preview").first).to_be_visible()
    assert findings_in_both_schemes(page) == []
    site.engine.release()
    see_nine(page)
    assert findings_in_both_schemes(page) == []
    page.locator("a.tile-picture").first.click()
    assert findings_in_both_schemes(page) == []
    page.get_by_role("button", name="Report").click()
    assert findings_in_both_schemes(page) == []


def test_axe_finds_nothing_on_the_other_pages(
    visit: OpenVisitor, site: Site, job: dict[str, Any]
) -> None:
    page = visit(reduced_motion="reduce").page()
    draw(page, "a frog")
    see_nine(page)
    page.get_by_role("button", name="Put in the gallery").click()
    expect(page.get_by_text("It is in the gallery now")).to_be_visible()
    form = f"/g/{job['id']}/pictures/{job['pictures'][0]['hash']}/report"
    for path in (*STANDING, f"/g/{job['id']}", form, "/gallery?q=frog"):
        page.goto(site.address + path)
        assert findings_in_both_schemes(page) == [], path


def press_until(page: Page, selector: str) -> None:
    """Press Tab until what has the focus matches."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"{selector} has the focus, and nobody sees it"
            return
    pytest.fail(f"Tab does not lead to {selector}.")


def test_the_keyboard_alone_leads_from_the_empty_page_to_a_shared_link(visit: OpenVisitor) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"]).page()
    page.keyboard.type("a snowman")
    page.keyboard.press("Enter")
    see_nine(page)
    press_until(page, "a.tile-picture")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="One picture")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".lightbox-count")).to_have_text("2 of 9")
    press_until(page, "[data-do=recipe]")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The recipe is copied.")).to_be_visible()
    page.keyboard.press("Escape")
    press_until(page, ".share-bar [data-do=copy]")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The link is copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_the_first_tab_skips_to_the_content(visit: OpenVisitor) -> None:
    page = visit().page("/about")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()


def test_a_screen_reader_is_told_little_and_in_time(page: Page, site: Site) -> None:
    page.evaluate(
        "() => { window.told = []; new MutationObserver(() => told.push("
        "document.querySelector('#voice').textContent)).observe("
        "document.querySelector('#voice'), {childList: true, characterData: true}); }"
    )
    site.engine.hold()
    draw(page, "a guitar")
    expect(page.locator(".job-status-headline")).to_have_text(re.compile("Drawing"))
    site.engine.release()
    see_nine(page)
    told = page.evaluate("told.filter(Boolean)")
    assert 2 <= len(told) <= 4, told
    assert told[-1].startswith("Here they are")


@pytest.mark.parametrize("path", ["/", "/g/{id}", "/gallery", "/model-card"])
def test_nothing_sticks_out_at_any_width_in_either_direction(
    visit: OpenVisitor, job: dict[str, Any], path: str
) -> None:
    page = visit().page(path.format(id=job["id"]))
    for width in (320, 360, 820, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        for direction in ("rtl", "ltr"):
            page.evaluate("direction => { document.documentElement.dir = direction; }", direction)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, direction


def test_what_is_pressed_is_large_enough_for_a_finger(
    visit: OpenVisitor, job: dict[str, Any]
) -> None:
    page = visit(viewport={"width": 320, "height": 800}).page(f"/g/{job['id']}")
    for target in page.locator("button:visible, .tile:visible, nav a:visible").all():
        box = target.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 24, target.inner_text()


def test_a_phone_draws_and_sees_the_board(visit: OpenVisitor) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    page = visit(**phone, reduced_motion="reduce").page()
    page.get_by_label("What should be drawn?").fill("a robot")
    page.get_by_role("button", name="Draw", exact=True).tap()
    see_nine(page)
    expect(page.locator(".tile").nth(4)).to_be_in_viewport()


def test_the_theme_follows_the_system_until_one_chooses(visit: OpenVisitor) -> None:
    page = visit(color_scheme="dark").page()
    background = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(background) == "rgb(23, 17, 30)"
    page.get_by_role("button", name="Dark theme").click()
    assert page.evaluate(background) == "rgb(253, 251, 250)"
    page.reload()
    assert page.evaluate(background) == "rgb(253, 251, 250)"


@pytest.mark.parametrize(
    ("language", "button", "done"),
    [("Español", "Dibujar", "Aquí están"), ("日本語", "描く", "できました")],
)
def test_the_page_speaks_other_languages(page: Page, language: str, button: str, done: str) -> None:
    page.get_by_role("link", name=language).click()
    page.locator("#prompt").fill("a castle")
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.locator(".job-status-headline")).to_have_text(done)
    assert not re.search(r"\blive\.|\{\w+\}", page.locator("body").inner_text())


def test_the_history_opens_without_a_network(visit: OpenVisitor) -> None:
    visitor = visit(service_workers="allow")
    page = visitor.page()
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    page.reload()
    draw(page, "a rocket")
    see_nine(page)
    visitor.context.set_offline(True)
    page.goto(f"{visitor.address}/history")
    expect(page.locator(".drawing")).to_contain_text("a rocket")
    expect(page.locator(".offline")).to_be_visible()
    page.goto(f"{visitor.address}/about")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are offline")
    visitor.context.set_offline(False)


def test_the_page_is_light(visit: OpenVisitor, job: dict[str, Any]) -> None:
    page = visit().page(f"/g/{job['id']}")
    see_nine(page)
    bytes_sent = measure_painting(page)["bytes"]
    assert 20_000 < bytes_sent < 100_000


SLOWED = 4
"""How many times slower than this machine the processor of a reader may be."""


@pytest.mark.parametrize("is_drawn", [False, True], ids=["empty", "drawn"])
def test_with_a_slow_processor_it_is_painted_and_nothing_shifts(
    visit: OpenVisitor, job: dict[str, Any], is_drawn: bool
) -> None:
    """How soon it is painted is a matter of the machine: `benchmarks/page_paint.py` measures it."""
    visitor = visit()
    page = visitor.context.new_page()
    visitor.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWED})
    page.goto(visitor.address + (f"/g/{job['id']}" if is_drawn else "/"))
    seen = measure_painting(page)
    assert seen["cls"] < 0.05
    assert seen["lcp"] > 0
