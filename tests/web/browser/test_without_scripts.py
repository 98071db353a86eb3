"""Everything without scripts: a form, a page that refreshes, pictures that are links."""

import re

from playwright.sync_api import Page, expect

from tests.web.browser.conftest import OpenVisitor
from tests.web.browser.looking import PICTURES
from tests.web.browser.site import Site


def plain_page(visit: OpenVisitor, path: str = "/") -> Page:
    return visit(java_script_enabled=False).page(path)


def test_a_form_leads_to_a_page_that_refreshes_until_nine_are_there(
    visit: OpenVisitor, site: Site
) -> None:
    page = plain_page(visit)
    site.engine.hold()
    page.get_by_label("What should be drawn?").fill("a red apple")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/g/[\w-]+$"))
    expect(page.locator(".job-status-detail noscript")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    site.engine.release()
    expect(page.locator(PICTURES)).to_have_count(9)
    expect(page.get_by_text("Nine pictures", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    page.locator("a.tile-picture").first.click()
    page.wait_for_url(re.compile(r"/i/[0-9a-f]{64}\.png$"))


def test_a_tile_of_the_empty_board_draws_what_it_says(visit: OpenVisitor) -> None:
    page = plain_page(visit)
    page.get_by_role("button", name="a castle").click()
    page.wait_for_url(re.compile(r"/g/"))
    expect(page.get_by_role("heading", level=1)).to_have_text("a castle")
    expect(page.locator(PICTURES)).to_have_count(9)


def test_a_refusal_says_why_and_keeps_what_was_written(visit: OpenVisitor) -> None:
    page = plain_page(visit)
    page.get_by_label("What should be drawn?").fill("a severed head on a plate")
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("This prompt is refused")
    expect(page.get_by_label("What should be drawn?")).to_have_value("a severed head on a plate")


def test_the_shared_page_has_its_links(visit: OpenVisitor, site: Site) -> None:
    job = site.draw("a robot")
    page = plain_page(visit, f"/g/{job['id']}")
    on_x = page.get_by_role("link", name="Post on X").get_attribute("href") or ""
    assert on_x.startswith("https://x.com/intent/post?")
    assert f"g%2F{job['id']}" in on_x
    expect(page.get_by_role("link", name="Screenshot")).to_have_attribute(
        "href", f"/api/v1/jobs/{job['id']}/grid.png"
    )
    expect(page.get_by_text("Draw exactly this again")).to_be_visible()


def test_the_history_says_what_it_needs(visit: OpenVisitor) -> None:
    said = plain_page(visit, "/history").locator("noscript p")
    expect(said).to_be_visible()
    assert "scripts are switched off" in said.inner_text()
