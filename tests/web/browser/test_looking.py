"""One picture, large; and what can be done with nine."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from ninefold.pictures.png import read_recipe
from ninefold.service.store.gallery_tables import ReportRow
from tests.web.browser.conftest import OpenVisitor
from tests.web.browser.looking import picture_links
from tests.web.browser.site import Site


@pytest.fixture(scope="module")
def job(site: Site) -> dict[str, Any]:
    """A finished drawing."""
    return site.draw("a red apple")


def open_picture(page: Page, place: int) -> None:
    page.locator("a.tile-picture").nth(place).click()
    expect(page.get_by_role("dialog", name="One picture")).to_be_visible()


def shown(page: Page) -> str:
    return page.locator(".lightbox img").get_attribute("src") or ""


def test_arrows_go_round_and_escape_gives_back_the_focus(
    visit: OpenVisitor, job: dict[str, Any]
) -> None:
    page = visit().page(f"/g/{job['id']}")
    links = picture_links(page)
    open_picture(page, 1)
    assert shown(page) == links[1]
    expect(page.locator(".lightbox-count")).to_have_text("2 of 9")
    page.keyboard.press("ArrowRight")
    assert shown(page) == links[2]
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    assert shown(page) == links[8]
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="One picture")).to_be_hidden()
    assert page.evaluate("document.activeElement.getAttribute('href')") == links[1]


def test_back_closes_the_picture_and_stays_on_the_page(
    visit: OpenVisitor, job: dict[str, Any]
) -> None:
    page = visit().page(f"/g/{job['id']}")
    open_picture(page, 0)
    page.go_back()
    expect(page.get_by_role("dialog", name="One picture")).to_be_hidden()
    assert page.url.endswith(f"/g/{job['id']}")


def test_a_picture_is_downloaded_under_a_name_that_tells_what_it_is(
    visit: OpenVisitor, job: dict[str, Any], tmp_path: Path
) -> None:
    page = visit().page(f"/g/{job['id']}")
    open_picture(page, 0)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download", exact=True).click()
    number = job["pictures"][0]["index"] + 1
    assert download.value.suggested_filename == f"a-red-apple-{number}.png"
    download.value.save_as(tmp_path / "picture.png")
    assert b"a red apple" not in (tmp_path / "picture.png").read_bytes()
    with page.expect_download() as download:
        page.get_by_role("link", name="With recipe").click()
    assert download.value.suggested_filename == f"a-red-apple-{number}-recipe.png"
    download.value.save_as(tmp_path / "whole.png")
    recipe = read_recipe(tmp_path / "whole.png")
    assert (recipe.prompt, recipe.seed, recipe.index + 1) == ("a red apple", job["seed"], number)


def test_recipe_picture_and_link_are_copied(visit: OpenVisitor, job: dict[str, Any]) -> None:
    visitor = visit(permissions=["clipboard-read", "clipboard-write"])
    page = visitor.page(f"/g/{job['id']}")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("The link is copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    open_picture(page, 0)
    page.get_by_role("button", name="Copy recipe").click()
    expect(page.get_by_text("The recipe is copied.")).to_be_visible()
    recipe = page.evaluate("navigator.clipboard.readText()")
    assert recipe.startswith(f"ninefold draw --seed {job['seed']} --model tiny")
    assert recipe.endswith("-- 'a red apple'")
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_text("The picture is copied.")).to_be_visible()
    kinds = page.evaluate("navigator.clipboard.read().then(items => items[0].types)")
    assert kinds == ["image/png"]


def test_the_screenshot_is_the_file_that_link_previews_show(
    visit: OpenVisitor, job: dict[str, Any]
) -> None:
    page = visit().page(f"/g/{job['id']}")
    preview = page.locator('meta[property="og:image"]').get_attribute("content")
    with page.expect_download() as download:
        page.get_by_role("link", name="Screenshot").click()
    assert download.value.url == preview
    assert download.value.suggested_filename == "a-red-apple-grid.png"


def test_a_finger_swipes_to_the_next_picture(visit: OpenVisitor, job: dict[str, Any]) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    visitor = visit(**phone)
    page = visitor.page(f"/g/{job['id']}")
    links = picture_links(page)
    open_picture(page, 0)
    session = visitor.context.new_cdp_session(page)

    def touch(kind: str, *points: int) -> None:
        at = [{"x": x, "y": 300} for x in points]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    touch("touchStart", 300)
    for x in (250, 200, 120):
        touch("touchMove", x)
    touch("touchEnd")
    expect(page.locator(".lightbox img")).to_have_attribute("src", links[1])


def test_a_device_that_shares_files_gets_the_nine_as_one(
    visit: OpenVisitor, job: dict[str, Any]
) -> None:
    visitor = visit()
    visitor.context.add_init_script(
        "navigator.canShare = data => Boolean(data.files);"
        "navigator.share = async data => { window.shared = data; };"
    )
    page = visitor.page(f"/g/{job['id']}")
    expect(page.get_by_role("link", name="Post on X")).to_be_hidden()
    page.get_by_role("button", name="Share", exact=True).click()
    page.wait_for_function("() => window.shared")
    name, kind, url = page.evaluate("[shared.files[0].name, shared.files[0].type, shared.url]")
    assert (name, kind, url) == ("a-red-apple-grid.png", "image/png", page.url)


def test_a_report_reaches_the_operators(
    visit: OpenVisitor, site: Site, job: dict[str, Any]
) -> None:
    page = visit().page(f"/g/{job['id']}")
    open_picture(page, 2)
    page.get_by_role("button", name="Report").click()
    page.get_by_label("It is meant to deceive").check()
    page.get_by_label(re.compile("Anything to add")).fill("<b>look</b>")
    page.get_by_role("button", name="Send report").click()
    expect(page.get_by_text("Thank you. People will look at it.")).to_be_visible()

    async def reports() -> list[Any]:
        columns = (ReportRow.hash, ReportRow.reason, ReportRow.note, ReportRow.job_id)
        async with site.service.gateway.database.connect() as connection:
            return list((await connection.execute(select(*columns))).all())

    assert tuple(site.run(reports())[0]) == (
        job["pictures"][2]["hash"],
        "deception",
        "<b>look</b>",
        job["id"],
    )
