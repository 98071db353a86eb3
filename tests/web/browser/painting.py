"""How a page loads, as Chromium tells of it: what it paints, what moves, and what it weighs.

Used by the tests and by `benchmarks/page_paint.py`.
"""

from typing import TypedDict

from playwright.sync_api import Page

_MEASURE = """() => new Promise(resolve => {
  const seen = {lcp: 0, cls: 0};
  new PerformanceObserver(list => { for (const e of list.getEntries()) seen.lcp = e.startTime; })
    .observe({type: 'largest-contentful-paint', buffered: true});
  new PerformanceObserver(list => {
    for (const e of list.getEntries()) if (!e.hadRecentInput) seen.cls += e.value;
  }).observe({type: 'layout-shift', buffered: true});
  const kinds = ['resource', 'navigation'].flatMap(kind => performance.getEntriesByType(kind));
  const own = kinds.filter(entry => !entry.name.includes('/i/'));
  seen.bytes = own.reduce((sum, entry) => sum + entry.encodedBodySize, 0);
  // A machine that is busy paints late, and what was not painted yet says nothing.
  const tell = () => seen.lcp ? resolve(seen) : setTimeout(tell, 200);
  setTimeout(tell, 1000);
})"""


class Painting(TypedDict):
    """What was seen of a page that was loaded."""

    lcp: float
    """Milliseconds to its largest paint."""
    cls: float
    """Cumulative layout shift."""
    bytes: int
    """Of the page and all that belongs to it, packed, without pictures."""


def measure_painting(page: Page) -> Painting:
    """Return what was seen of a page, a second after this is asked or once it is painted."""
    seen: Painting = page.evaluate(_MEASURE)
    return seen
