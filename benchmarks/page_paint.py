"""How soon the pages paint, what moves while they load, and what they weigh.

Regime: Chromium on a service that runs already, on loopback, with its processor slowed
(`Emulation.setCPUThrottlingRate`), a fresh profile for each load, no pictures counted in the
weight. Of each page the median and the worst of several loads. Prints a table; the last line is one
JSON document.

    ninefold serve &
    PYTHONPATH=. python benchmarks/page_paint.py --drawing ID
"""

import argparse
import json
import os
import statistics

from playwright.sync_api import Browser, sync_playwright
from tests.web.browser.painting import Painting, measure_painting


def load(browser: Browser, address: str, slowed: float, width: int) -> Painting:
    """Load a page once and return its largest paint (ms), layout shift and bytes."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, service_workers="block", locale="en-GB"
    )
    page = context.new_page()
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slowed})
    page.goto(address)
    seen = measure_painting(page)
    context.close()
    return seen


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", default="http://127.0.0.1:8000")
    parser.add_argument("--drawing", help="id of a finished drawing, whose page is measured too")
    parser.add_argument("--loads", type=int, default=5)
    parser.add_argument("--slowed", type=float, default=4.0)
    given = parser.parse_args()
    paths = ["/", "/gallery", "/history"] + ([f"/g/{given.drawing}"] if given.drawing else [])
    found = []
    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        print("| page | width | LCP, median | LCP, worst | layout shift | bytes |")
        print("|---|---|---|---|---|---|")
        for path in paths:
            for width in (360, 1440):
                loads = [
                    load(browser, given.server + path, given.slowed, width)
                    for _ in range(given.loads)
                ]
                row = {
                    "page": "/g/…" if path.startswith("/g/") else path,
                    "width": width,
                    "lcp_ms": round(statistics.median(each["lcp"] for each in loads)),
                    "worst_lcp_ms": round(max(each["lcp"] for each in loads)),
                    "layout_shift": round(max(each["cls"] for each in loads), 4),
                    "bytes": max(each["bytes"] for each in loads),
                }
                found.append(row)
                print("| " + " | ".join(str(value) for value in row.values()) + " |")
        browser.close()
    print(json.dumps({"slowed": given.slowed, "loads": given.loads, "pages": found}))


if __name__ == "__main__":
    main()
