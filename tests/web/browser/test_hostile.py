"""Hostile prompts through the whole service: text in every place where they appear."""

from urllib.parse import urlencode

from playwright.sync_api import Page, expect

from tests.web.browser.conftest import OpenVisitor
from tests.web.browser.looking import draw, see_nine
from tests.web.browser.site import Site

HOSTILE = [
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "\"'><svg/onload=alert(3)> </script></title></style><script>alert(4)</script>",
    "\u202ereversed\u202c \u2066isolated\u2069 javascript:alert(5) {{7*7}} ${7*7} %0d%0a",
]

FOREIGN = "document.querySelectorAll('svg[onload], img[onerror], main script, body > style').length"


def test_a_prompt_is_inert_wherever_it_is_shown(visit: OpenVisitor, site: Site) -> None:
    prompt = " ".join(HOSTILE)
    page = visit().page()
    job_id = draw(page, prompt)
    see_nine(page)
    page.get_by_role("button", name="Put in the gallery").click()
    expect(page.get_by_text("It is in the gallery now")).to_be_visible()
    page.locator("a.tile-picture").first.click()
    assert page.evaluate(FOREIGN) == 0
    query = urlencode({"prompt": prompt})
    for path in (f"/g/{job_id}", "/gallery", "/history", f"/?{query}"):
        page.goto(site.address + path)
        assert page.evaluate(FOREIGN) == 0
        assert not set("\u202e\u2066\u2069") & set(page.locator("body").inner_text())
        assert page.evaluate("getComputedStyle(document.body).display") == "flex"
    box = page.get_by_label("What should be drawn?")
    box.fill("")
    box.press_sequentially("reversed isolat")
    expect(page.locator("#suggestions [role=option]")).to_have_count(1)
    assert page.evaluate(FOREIGN) == 0


def test_too_many_marks_and_letters_are_told_to_be_too_many(page: Page) -> None:
    for prompt in ("a" + "\u0301" * 3_000, "x" * 10_000):
        page.get_by_label("What should be drawn?").fill(prompt)
        page.get_by_role("button", name="Draw", exact=True).click()
        expect(page.get_by_role("alert")).to_be_visible()
        assert page.get_by_role("alert").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_longest_prompt_and_many_marks_stay_in_their_place(
    visit: OpenVisitor, site: Site
) -> None:
    for prompt in ("hm" * 450, "z" + "\u0334\u0335\u0336\u0337\u0338" * 150, "مرحبا بالعالم " * 40):
        job = site.draw(prompt)
        page = visit(viewport={"width": 360, "height": 740}).page(f"/g/{job['id']}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), prompt[:5]
        assert page.locator("h1.drawn-prompt").bounding_box()["height"] < 220  # type: ignore[index]  # it is shown
        page.locator("a.tile-picture").first.click()
        assert page.evaluate("document.querySelector('.lightbox').scrollWidth <= innerWidth")


def test_nothing_runs_that_is_not_a_file_of_the_site(visit: OpenVisitor) -> None:
    visitor = visit()
    page = visitor.page()
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        " document.head.append(s); const b = document.createElement('p');"
        " b.setAttribute('onclick', 'window.ran = 2'); document.body.append(b); b.click(); }"
    )
    assert page.evaluate("window.ran") is None
    refused = [text for text in visitor.complaints if "Content Security Policy" in text]
    assert len(refused) >= 2
    visitor.complaints.clear()
