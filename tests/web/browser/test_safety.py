"""What is refused, hidden or reported says so, says why, and says what can be done about it."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import delete, select

from ninefold.service.group_commit import GroupCommit
from ninefold.service.limits import RateLimits
from ninefold.service.picture_moderation import PictureModeration
from ninefold.service.shared_answers import SECONDS
from ninefold.service.store.gallery_tables import ReportRow
from ninefold.service.store.memory import MemoryCache
from ninefold.service.store.tables import RemovedPicture
from tests.web.browser.conftest import OpenVisitor
from tests.web.browser.looking import draw, see_nine
from tests.web.browser.site import Site

REFUSED = "a severed head on a plate"
RULE = re.compile(r"This prompt is refused .* \(rule [\w-]+ of policy [\d-]+\)")


def latest_report(site: Site) -> tuple[Any, ...]:
    async def read() -> tuple[Any, ...]:
        columns = (ReportRow.hash, ReportRow.job_id, ReportRow.reason, ReportRow.note)
        statement = select(*columns).order_by(ReportRow.id.desc()).limit(1)
        async with site.service.gateway.database.connect() as connection:
            return tuple((await connection.execute(statement)).one())

    return site.run(read())


def see_done(page: Page) -> None:
    expect(page.locator(".job-status-headline")).to_have_text("Here they are")


def test_a_refused_prompt_says_by_which_rule_and_how_to_object(page: Page) -> None:
    page.get_by_label("What should be drawn?").fill(REFUSED)
    page.keyboard.press("Enter")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(RULE)
    expect(alert).to_contain_text("If this is a mistake, tell whoever runs this service")
    assert page.url.endswith("/")


def test_without_scripts_a_refusal_says_the_same(visit: OpenVisitor) -> None:
    page = visit(java_script_enabled=False).page()
    page.get_by_label("What should be drawn?").fill(REFUSED)
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text(RULE)
    expect(page.get_by_role("alert")).to_contain_text("If this is a mistake, tell")


def test_a_hidden_tile_says_so_and_takes_an_appeal_that_shows_it(page: Page, site: Site) -> None:
    site.hide(2)
    job_id = draw(page, "a pink castle")
    see_done(page)
    expect(page.locator("a.tile-picture")).to_have_count(7)
    tiles = page.get_by_role("button", name="Hidden")
    expect(tiles).to_have_count(2)
    reason = page.locator(".notices li")
    expect(reason).to_have_count(1)
    expect(reason).to_contain_text("a classifier takes it for sexual content (rule")

    tiles.first.click()
    dialog = page.get_by_role("dialog", name="This picture is hidden")
    expect(dialog).to_contain_text("a classifier takes it for sexual content (rule")
    expect(dialog.get_by_role("radio")).to_have_count(0)
    dialog.get_by_label(re.compile("Anything to add")).fill("It is a castle.")
    dialog.get_by_role("button", name="Ask for another look").click()
    expect(dialog.get_by_text("Thank you. People will look at it.")).to_be_visible()
    digest, *told = latest_report(site)
    assert told == [job_id, "appeal", "It is a castle."]

    gateway = site.service.gateway
    hidden = [each for each in site.run(site.service.job(job_id))["pictures"] if each["hidden"]]
    assert digest in {each["hash"] for each in hidden}
    assert {each["url"] for each in hidden} == {None}
    hand = PictureModeration(gateway.database, gateway.objects)
    assert site.run(hand.show(digest)) == 1
    page.reload()
    expect(page.locator("a.tile-picture")).to_have_count(8)
    expect(page.get_by_role("button", name="Hidden")).to_have_count(1)


def test_a_hidden_picture_is_on_no_page_and_in_no_grid(
    visit: OpenVisitor, page: Page, site: Site
) -> None:
    site.hide(1)
    job_id = draw(page, "a pink frog")
    see_done(page)
    [hidden] = [each for each in site.run(site.service.job(job_id))["pictures"] if each["hidden"]]
    for scripts in (True, False):
        other = visit(java_script_enabled=scripts).page(f"/g/{job_id}")
        expect(other.locator("a.tile-picture")).to_have_count(8)
        expect(other.locator(".tile-hidden")).to_contain_text(re.compile("hidden", re.IGNORECASE))
        expect(other.locator(".notices")).to_contain_text(
            "a classifier takes it for sexual content"
        )
        sources = [image.get_attribute("src") or "" for image in other.locator("img").all()]
        assert not [source for source in sources if hidden["hash"] in source]
    assert page.request.get(f"{site.address}/i/{hidden['hash']}.png").status == 404


def test_a_picture_for_its_owner_alone_is_hidden_from_all_others(
    visit: OpenVisitor, page: Page, site: Site
) -> None:
    site.hide(1, score=0.8)
    job_id = draw(page, "a pink train")
    see_done(page)
    for _ in range(2):  # as it was told live, and as the server renders it
        expect(page.locator("a.tile-picture")).to_have_count(9)
        own = page.locator("a.tile-picture[data-note='Only you see this picture']")
        expect(own).to_have_count(1)
        expect(own).to_have_attribute("href", re.compile(rf"^/api/v1/jobs/{job_id}/own/\w+\.png$"))
        assert own.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)")
        expect(page.locator(".notices")).to_contain_text("is shown only to who asked for it")
        page.reload()
    own.click()
    page.get_by_role("button", name="Report").click()
    dialog = page.get_by_role("dialog", name="Only you see this picture")
    expect(dialog).to_contain_text("a classifier takes it for sexual content (rule")
    dialog.get_by_role("button", name="Ask for another look").click()
    expect(dialog.get_by_text("Thank you. People will look at it.")).to_be_visible()
    digest, *told = latest_report(site)
    assert told == [job_id, "appeal", ""]
    for scripts in (True, False):
        other = visit(java_script_enabled=scripts).page(f"/g/{job_id}")
        expect(other.locator("a.tile-picture")).to_have_count(8)
        expect(other.locator(".tile-hidden")).to_have_count(1)
        assert "/own/" not in other.content()
        assert (
            other.request.get(f"{site.address}/api/v1/jobs/{job_id}/own/{digest}.png").status == 404
        )
    page.goto(f"{site.address}/history")
    expect(page.locator(".drawing")).to_contain_text("a pink train")
    assert digest not in page.content()


def test_without_scripts_a_picture_is_reported_and_a_hidden_one_appealed_for(
    visit: OpenVisitor, page: Page, site: Site
) -> None:
    site.hide(1)
    job_id = draw(page, "a pink boat")
    see_done(page)
    plain = visit(java_script_enabled=False).page(f"/g/{job_id}")
    hidden = plain.locator(".tile-hidden")
    expect(hidden).to_contain_text("a classifier takes it for sexual content (rule")
    hidden.get_by_role("link", name="Ask for another look").click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("This picture is hidden")
    expect(plain.get_by_role("radio")).to_have_count(0)
    plain.get_by_label(re.compile("Anything to add")).fill("It is a boat.")
    plain.get_by_role("button", name="Ask for another look").click()
    expect(plain.get_by_text("Thank you. People will look at it.")).to_be_visible()
    assert latest_report(site)[1:] == (job_id, "appeal", "It is a boat.")

    link = plain.locator(".tile").filter(has=plain.locator("a.tile-picture")).first
    url = link.locator("a.tile-picture").get_attribute("href")
    link.get_by_role("link", name="Report").click()
    expect(plain.locator("main img")).to_be_visible()
    plain.get_by_role("button", name="Send report").click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Report this picture")
    plain.get_by_label("It shows a real person").check()
    plain.get_by_role("button", name="Send report").click()
    expect(plain.get_by_text("Thank you. People will look at it.")).to_be_visible()
    digest, *told = latest_report(site)
    assert told == [job_id, "real_person", ""]
    assert url == f"/i/{digest}.png"
    expect(page.get_by_role("link", name="Report")).to_have_count(0)  # scripts have a button


@pytest.fixture
def forgetful_site(site: Site) -> Iterator[None]:
    """Forget what was removed, since much that the tiny model draws looks the same."""
    yield

    async def forget() -> None:
        async with site.service.gateway.database.begin() as connection:
            await connection.execute(delete(RemovedPicture))

    site.run(forget())


@pytest.mark.usefixtures("forgetful_site")
def test_a_reported_picture_that_operators_remove_is_gone_everywhere(
    visit: OpenVisitor, page: Page, site: Site
) -> None:
    gateway = site.service.gateway
    job_id = draw(page, "a purple octopus")
    links = see_nine(page)
    page.get_by_role("button", name="Put in the gallery").click()
    expect(page.get_by_text("It is in the gallery now")).to_be_visible()

    stranger = visit().page(f"/g/{job_id}")
    stranger.locator("a.tile-picture").first.click()
    stranger.get_by_role("button", name="Report").click()
    dialog = stranger.get_by_role("dialog", name="Report this picture")
    dialog.get_by_role("button", name="Send report").click()
    expect(dialog.get_by_text("Thank you.")).to_be_hidden()  # a reason has to be chosen
    dialog.get_by_label("It shows a real person").check()
    dialog.get_by_role("button", name="Send report").click()
    expect(dialog.get_by_text("Thank you. People will look at it.")).to_be_visible()
    digest, *told = latest_report(site)
    assert told == [job_id, "real_person", ""]
    assert links[0] == f"/i/{digest}.png"

    site.run(PictureModeration(gateway.database, gateway.objects).remove(digest, "reported"))
    gateway.cache = MemoryCache()  # as if five seconds had passed
    answer = page.request.get(site.address + links[0])
    assert answer.status == 410
    time.sleep(SECONDS)  # one answer is given to many for so long
    fresh = visit().page(f"/g/{job_id}")
    expect(fresh.locator("a.tile-picture")).to_have_count(8)
    expect(fresh.get_by_role("button", name="Hidden")).to_have_count(1)
    expect(fresh.locator(".notices")).to_contain_text("This picture was removed.")
    gallery = visit().page("/gallery?q=octopus")
    shown = [image.get_attribute("src") or "" for image in gallery.locator("main img").all()]
    assert shown
    assert not [source for source in shown if digest in source]


@pytest.fixture
def asking_for_work(site: Site) -> Iterator[None]:
    """Take one job of a network an hour, and further ones for work."""
    gateway = site.service.gateway
    before = gateway.limits, gateway.commits
    changes = {"proof_of_work_above": "1/hour", "proof_of_work_steps": 20_000}
    gateway.limits = RateLimits(gateway.settings.model_copy(update=changes), "a secret of tests")
    gateway.commits = GroupCommit(gateway.database, gateway.admission, gateway.limits)
    yield
    gateway.limits, gateway.commits = before


@pytest.mark.usefixtures("asking_for_work")
def test_a_burst_is_worked_for_in_a_worker_and_nobody_has_to_do_anything(
    visit: OpenVisitor,
) -> None:
    page = visit().page()
    draw(page, "a red apple")
    see_nine(page)
    with page.expect_worker() as worker:
        draw(page, "a green apple")
    assert worker.value.url.endswith("/proof-worker.js")
    see_nine(page)
    expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.usefixtures("asking_for_work")
def test_without_scripts_a_burst_is_told_how_long_to_wait(visit: OpenVisitor, site: Site) -> None:
    page = visit(java_script_enabled=False).page()
    for prompt in ("a red apple", "a green apple"):
        page.goto(site.address)
        page.get_by_label("What should be drawn?").fill(prompt)
        page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text(re.compile(r"ask again in \d+ seconds"))
    expect(page.get_by_label("What should be drawn?")).to_have_value("a green apple")
