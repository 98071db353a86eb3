"""Drawing, and that nothing on the way to nine pictures gets lost."""

import json
import re
import zipfile
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.web.browser.conftest import OpenVisitor
from tests.web.browser.looking import draw, drawn_share, picture_links, see_nine, wait_until_drawing
from tests.web.browser.site import Site


def test_a_prompt_and_enter_give_nine_pictures(page: Page, site: Site) -> None:
    assert page.evaluate("document.activeElement.id") == "prompt"
    job_id = draw(page, "a red apple")
    links = see_nine(page)
    job = site.run(site.service.job(job_id))
    assert links == [f"/i/{picture['hash']}.png" for picture in job["pictures"]]
    expect(page.get_by_role("heading", level=1)).to_have_text("a red apple")
    expect(page).to_have_title("a red apple · Ninefold")
    images = page.locator(".board img")
    expect(images).to_have_count(9)  # the last preview fades for half a second
    alts = {image.get_attribute("alt") for image in images.all()}
    assert alts == {f"a red apple, picture {number}" for number in range(1, 10)}
    assert (
        page.evaluate(
            "Promise.all([...document.querySelectorAll('.board img')].map(i => i.decode()))"
        )
        == [None] * 9
    )
    expect(page.get_by_text("repeat the stereotypes")).to_be_visible()


def test_a_tile_of_the_empty_board_draws_what_it_says(page: Page) -> None:
    page.get_by_role("button", name="a cat").click()
    page.wait_for_url(re.compile(r"/g/"))
    assert page.evaluate("document.activeElement.tagName") == "H1", "the focus has a place"
    see_nine(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("a cat")


def test_pictures_sharpen_while_they_are_drawn(page: Page, site: Site) -> None:
    site.engine.hold()
    draw(page, "a castle")
    expect(page.locator(".board img.is-preview").first).to_be_visible()
    expect(page.locator(".job-status-headline")).to_have_text(re.compile(r"Drawing, \d+ %"))
    expect(page.locator(".job-status-clock")).to_have_text(re.compile(r"0:0\d"))
    site.engine.release()
    see_nine(page)
    expect(page.locator(".board img.is-preview")).to_have_count(0)


def test_a_reload_finds_the_drawing_where_it_was(page: Page, site: Site) -> None:
    site.engine.hold()
    draw(page, "a frog")
    wait_until_drawing(page)
    before = drawn_share(page)
    page.reload()
    expect(page.locator(".job-status-headline")).to_have_text(re.compile("Drawing"))
    assert drawn_share(page) >= before
    expect(page.locator(".board img.is-preview").first).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    site.engine.release()
    see_nine(page)


def test_two_tabs_show_the_same(visit: OpenVisitor, site: Site) -> None:
    visitor = visit()
    first = visitor.page()
    site.engine.hold()
    job_id = draw(first, "a rocket")
    second = visitor.page(f"/g/{job_id}")
    expect(second.locator(".job-status-headline")).to_have_text(re.compile("Drawing|next"))
    site.engine.release()
    assert see_nine(first) == see_nine(second)


def test_a_stranger_with_the_address_sees_it_but_may_not_cancel(
    visit: OpenVisitor, site: Site
) -> None:
    site.engine.hold()
    job_id = draw(visit().page(), "a house")
    other = visit().page(f"/g/{job_id}")
    expect(other.locator(".job-status-headline")).to_have_text(re.compile("Drawing|next"))
    expect(other.get_by_role("button", name="Cancel")).to_be_hidden()
    site.engine.release()
    see_nine(other)
    expect(other.get_by_role("button", name="Put in the gallery")).to_be_hidden()


def test_a_network_that_goes_and_returns_loses_nothing(visit: OpenVisitor, site: Site) -> None:
    visitor = visit()
    page = visitor.page()
    site.engine.hold()
    draw(page, "a guitar")
    wait_until_drawing(page)
    visitor.context.set_offline(True)
    expect(page.locator(".job-status-detail")).to_contain_text("The connection is away")
    expect(page.locator(".offline")).to_be_visible()
    site.engine.release()
    page.wait_for_timeout(500)
    expect(page.locator(".job-status-headline")).to_have_text(re.compile("Drawing"))
    visitor.context.set_offline(False)
    see_nine(page)
    expect(page.locator(".offline")).to_be_hidden()


def test_asking_while_offline_keeps_what_was_written(visit: OpenVisitor) -> None:
    visitor = visit()
    page = visitor.page()
    visitor.context.set_offline(True)
    page.get_by_label("What should be drawn?").fill("a snowman")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("What you wrote is still here")
    expect(page.get_by_label("What should be drawn?")).to_have_value("a snowman")
    visitor.context.set_offline(False)
    page.keyboard.press("Enter")
    see_nine(page)


def test_back_leads_to_the_empty_board_and_forward_to_the_drawing(page: Page) -> None:
    draw(page, "pizza")
    links = see_nine(page)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Any prompt, nine pictures.")
    expect(page.get_by_role("button", name="a robot")).to_be_visible()
    expect(page.get_by_label("What should be drawn?")).to_have_value("pizza")
    page.go_forward()
    assert see_nine(page) == links


def test_back_brings_each_drawings_words_into_the_box(page: Page) -> None:
    box = page.get_by_label("What should be drawn?")
    for prompt in ("pizza", "a crown"):
        draw(page, prompt)
        see_nine(page)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("pizza")
    expect(box).to_have_value("pizza")
    page.go_forward()
    expect(page.get_by_role("heading", level=1)).to_have_text("a crown")
    expect(box).to_have_value("a crown")


def test_all_pictures_are_downloaded_at_once(page: Page, tmp_path: Path) -> None:
    draw(page, "a red apple")
    see_nine(page)
    with page.expect_download() as waited:
        page.get_by_role("link", name="Download all").click()
    assert waited.value.suggested_filename == "a-red-apple-pictures.zip"
    waited.value.save_as(tmp_path / "pictures.zip")
    with zipfile.ZipFile(tmp_path / "pictures.zip") as archive:
        assert archive.namelist() == [f"a-red-apple-{number}.png" for number in range(1, 10)]
        assert archive.testzip() is None


def test_a_drawing_can_be_cancelled(page: Page, site: Site) -> None:
    site.engine.hold()
    job_id = draw(page, "a robot")
    page.get_by_role("button", name="Cancel").click()
    site.engine.release()
    expect(page.locator(".job-status-headline")).to_have_text("Cancelled")
    assert site.run(site.service.job(job_id))["status"] == "cancelled"
    expect(page.get_by_role("button", name="Again", exact=True)).to_be_visible()


def test_again_draws_anew_and_the_same_seed_the_same(page: Page) -> None:
    first_id = draw(page, "a red apple")
    first = see_nine(page)
    page.get_by_role("button", name="Same seed again").click()
    page.wait_for_url(lambda url: not url.endswith(first_id))
    assert page.evaluate("document.activeElement.tagName") == "H1", "the focus has a place"
    assert see_nine(page) == first
    second_url = page.url
    page.get_by_role("button", name="Again", exact=True).click()
    page.wait_for_url(lambda url: url != second_url)
    see_nine(page)
    assert set(picture_links(page)).isdisjoint(first)


def test_a_refusal_says_why_and_keeps_what_was_written(page: Page) -> None:
    page.get_by_label("What should be drawn?").fill("a severed head on a plate")
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("This prompt is refused")
    expect(page.get_by_label("What should be drawn?")).to_have_value("a severed head on a plate")
    page.get_by_label("What should be drawn?").press_sequentially("!")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_what_is_folded_away_reaches_the_drawing(page: Page, site: Site) -> None:
    page.get_by_text("More to choose").click()
    page.get_by_label("Keep away from").fill("red")
    page.get_by_label("Seed", exact=True).fill("7")
    page.get_by_label("Daring").fill("0.5")
    page.get_by_label("How literally").fill("3")
    job = site.run(site.service.job(draw(page, "a castle")))
    assert job["seed"] == 7
    assert job["settings"]["negative_prompt"] == "red"
    assert (job["settings"]["temperature"], job["settings"]["condition_scale"]) == (0.5, 3)
    see_nine(page)


def test_a_full_queue_is_asked_again_by_the_page(page: Page) -> None:
    answers = iter([429, 429])

    def refuse_twice(route: Route) -> None:
        status = next(answers, None)
        if status is None:
            route.continue_()
        else:
            body = {"detail": "Too many.", "code": "too_busy", "retry_after_s": 1}
            route.fulfill(
                status=status, content_type="application/problem+json", body=json.dumps(body)
            )

    page.route("**/api/v1/jobs", refuse_twice)
    page.get_by_label("What should be drawn?").fill("a frog")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("asks for your place again by itself")
    page.wait_for_url(re.compile(r"/g/"))
    see_nine(page)
    expect(page.get_by_role("alert")).to_be_hidden()


def test_what_draws_it_again_and_what_to_know_are_there_at_once(page: Page, site: Site) -> None:
    job_id = draw(page, "an octopus " + "very " * 60 + "blue")
    see_nine(page)
    job = site.run(site.service.job(job_id))
    assert job["notices"]
    expect(page.locator(".notices li")).to_have_text(job["notices"])
    page.get_by_text("Draw exactly this again").click()
    expect(page.locator(".recipe code")).to_contain_text(f"--seed {job['seed']}")
    page.reload()
    expect(page.locator(".notices li")).to_have_text(job["notices"])
