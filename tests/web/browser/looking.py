"""What tests do with a page, as a person would say it."""

import re

from playwright.sync_api import Page, expect

PICTURES = ".board a.tile-picture img"


def draw(page: Page, prompt: str) -> str:
    """Type a prompt, press Enter and return the drawing's id."""
    before = page.url
    page.get_by_label("What should be drawn?").fill(prompt)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != before and re.search(r"/g/[\w-]+$", url) is not None)
    return page.url.rpartition("/")[2]


def see_nine(page: Page) -> list[str]:
    """Wait until the drawing is done and return the addresses of its nine pictures."""
    expect(page.locator(".job-status-headline")).to_have_text("Here they are")
    expect(page.locator(PICTURES)).to_have_count(9)
    return picture_links(page)


def picture_links(page: Page) -> list[str]:
    """Return where the pictures on the board lead, in their order."""
    links = page.locator(".board a.tile-picture").all()
    return [link.get_attribute("href") or "" for link in links]


def drawn_share(page: Page) -> float:
    """Return how much is drawn, from 0 to 1."""
    value = page.locator(".job-status progress").get_attribute("value")
    return float(value or 0)


def wait_until_drawing(page: Page) -> None:
    """Wait until there is something to see."""
    expect(page.locator(".board img.is-preview").first).to_be_visible()
