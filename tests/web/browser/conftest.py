"""One service and one browser for all tests of the package; a page of its own for each."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from ninefold.service.settings import read_settings
from tests.web.browser.site import Site

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

EXPECTED = (
    "net::ERR_INTERNET_DISCONNECTED",
    "status of 422",
    "status of 403",
    "status of 413",
    "status of 429",
)
"""What Chromium notes as errors where a test went offline or asked for what is refused."""


@pytest.fixture(scope="package")
def site(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The service with a tiny model."""
    folder = tmp_path_factory.mktemp("site")
    settings = read_settings(
        model=str(tiny_model),
        data=folder / "data",
        heartbeat_s=0.5,
        stalled_s=60.0,
        drain_s=2.0,
        threads=1,
        anonymous_rate="10000/minute",
        address_rate="10000/minute",
    )
    with Site(settings, folder) as opened:
        yield opened


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Of this package alone: Playwright keeps an event loop in the thread."""
    if not Path(CHROMIUM).is_file():
        pytest.fail(f"There is no {CHROMIUM}; run scripts/install_page_tools.sh.")
    expect.set_options(timeout=60_000)  # machines of CI are busy at times
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@dataclass
class Visitor:
    """A browser profile with what it complained about and where it wanted to go."""

    context: BrowserContext
    address: str
    complaints: list[str] = field(default_factory=list)
    strange_requests: list[str] = field(default_factory=list)

    def page(self, path: str = "/") -> Page:
        """Open a page of the site in a new tab."""
        page = self.context.new_page()
        page.goto(self.address + path)
        return page

    def watch(self, page: Page) -> None:
        """Note what goes wrong in a tab."""
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self._refuse(dialog))
        page.on("console", self._listen)
        page.on("request", lambda request: self._look(request.url))

    def _refuse(self, dialog: Any) -> None:
        if dialog.type == "confirm":
            dialog.accept()
        else:
            self.complaints.append(f"{dialog.type}: {dialog.message}")
            dialog.dismiss()

    def _listen(self, message: ConsoleMessage) -> None:
        # A preview is gone once its picture is finished, perhaps before it was asked for.
        is_preview = "/previews/" in message.location["url"]
        is_expected = is_preview or any(part in message.text for part in EXPECTED)
        if message.type == "error" and not is_expected:
            self.complaints.append(message.text)

    def _look(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and not url.startswith(f"{self.address}/"):
            self.strange_requests.append(url)


OpenVisitor = Callable[..., Visitor]


@pytest.fixture
def visit(site: Site, browser: Browser) -> Iterator[OpenVisitor]:
    """Open the site as a new visitor; in the end nobody may have had reason to complain."""
    visitors: list[Visitor] = []
    site.engine.release()

    def open_visitor(**options: Any) -> Visitor:
        options = {
            "viewport": {"width": 1280, "height": 900},
            "service_workers": "block",
            **options,
        }
        context = browser.new_context(locale="en-GB", **options)
        context.set_default_timeout(60_000)
        visitor = Visitor(context, site.address)
        context.on("page", visitor.watch)
        visitors.append(visitor)
        return visitor

    yield open_visitor
    for visitor in visitors:
        visitor.context.close()
        assert visitor.complaints == []
        assert visitor.strange_requests == []


@pytest.fixture
def page(visit: OpenVisitor) -> Page:
    """The empty page in a new visitor's browser."""
    return visit().page()
