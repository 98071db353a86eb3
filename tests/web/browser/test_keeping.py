"""What is kept: the history on the device, and the gallery for everybody."""

import json

from playwright.sync_api import Page, expect

from ninefold.service.store import publications
from tests.web.browser.conftest import OpenVisitor
from tests.web.browser.looking import draw, see_nine
from tests.web.browser.site import Site

CARDS = ".drawings .drawing"


def test_the_history_is_searched_exported_and_deleted(page: Page, site: Site) -> None:
    for prompt in ("a red apple", "a castle"):
        draw(page, prompt)
        see_nine(page)
    page.get_by_role("link", name="History").click()
    expect(page.locator(CARDS)).to_have_count(2)
    expect(page.locator(CARDS).first).to_contain_text("a castle")
    expect(page.locator(CARDS).first.locator("img")).to_have_count(9)
    page.get_by_label("Search the history").fill("APPLE red")
    expect(page.locator(CARDS)).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    exported = json.loads(download.value.path().read_text(encoding="utf-8"))
    assert [drawing["prompt"] for drawing in exported["drawings"]] == ["a castle", "a red apple"]
    assert exported["drawings"][0]["pictures"][0].startswith(f"{site.address}/i/")
    page.get_by_label("Search the history").fill("")
    page.get_by_role("button", name="Delete “a castle” from the history").click()
    expect(page.locator(CARDS)).to_have_count(1)
    page.get_by_role("link", name="a red apple").click()
    see_nine(page)
    page.go_back()
    page.get_by_role("button", name="Delete all").click()
    expect(page.get_by_text("Nothing yet.")).to_be_visible()
    page.reload()
    expect(page.locator(CARDS)).to_have_count(0)


def test_a_drawing_that_was_left_is_in_the_history_and_can_be_gone_back_to(
    page: Page, site: Site
) -> None:
    site.engine.hold()
    draw(page, "a rocket")
    page.get_by_role("link", name="History").click()
    expect(page.locator(CARDS)).to_contain_text("a rocket")
    expect(page.locator(CARDS)).to_contain_text("in the queue")
    page.get_by_role("link", name="a rocket").click()
    site.engine.release()
    see_nine(page)


def test_what_one_publishes_others_find_until_it_is_taken_out(
    page: Page, visit: OpenVisitor
) -> None:
    draw(page, "a glittering octopus")
    see_nine(page)
    page.get_by_role("button", name="Put in the gallery").click()
    expect(page.get_by_text("It is in the gallery now")).to_be_visible()
    other = visit().page("/gallery?q=glittering")
    expect(other.locator(CARDS)).to_contain_text("a glittering octopus")
    other.get_by_label("Search the gallery").fill("hovercraft")
    other.keyboard.press("Enter")
    expect(other.get_by_text("Nothing in the gallery has all of these words.")).to_be_visible()
    other.goto(other.url.partition("?")[0])
    other.get_by_role("link", name="a glittering octopus").click()
    see_nine(other)
    page.reload()
    page.get_by_role("button", name="Take out of the gallery").click()
    expect(page.get_by_text("It is out of the gallery.")).to_be_visible()
    other.goto(f"{other.url.partition('/g/')[0]}/gallery?q=glittering")
    expect(other.locator(CARDS)).to_have_count(0)


def test_the_prompt_box_suggests_what_others_published(page: Page, visit: OpenVisitor) -> None:
    draw(page, "a whistling teapot")
    see_nine(page)
    page.get_by_role("button", name="Put in the gallery").click()
    expect(page.get_by_text("It is in the gallery now")).to_be_visible()
    other = visit().page()
    box = other.get_by_role("combobox", name="What should be drawn?")
    box.press_sequentially("whistl")
    options = other.locator("#suggestions [role=option]")
    expect(options).to_have_text(["a whistling teapot"])
    expect(box).to_have_attribute("aria-expanded", "true")
    other.keyboard.press("ArrowDown")
    expect(options).to_have_attribute("aria-selected", "true")
    other.keyboard.press("Enter")
    expect(box).to_have_value("a whistling teapot")
    expect(options).to_have_count(0)


def test_what_an_operator_takes_out_is_nowhere(page: Page, visit: OpenVisitor, site: Site) -> None:
    job_id = draw(page, "a forbidden kettle")
    see_nine(page)
    page.get_by_role("button", name="Put in the gallery").click()
    expect(page.get_by_text("It is in the gallery now")).to_be_visible()

    async def remove() -> None:
        async with site.service.gateway.database.begin() as connection:
            await publications.remove(connection, job_id)

    site.run(remove())
    other = visit().page("/gallery?q=kettle")
    expect(other.locator(CARDS)).to_have_count(0)
    page.reload()
    page.get_by_role("button", name="Put in the gallery").click()
    expect(page.get_by_text("The operators took this drawing out")).to_be_visible()
