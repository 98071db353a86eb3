"""Templates: everything that comes in is text, and a page without its values is an error."""

import pytest
from jinja2 import UndefinedError

from ninefold.web.catalogues import catalogues
from ninefold.web.rendering import (
    CONTENT_SECURITY_POLICY,
    DRAW,
    GALLERY,
    MESSAGE,
    Reader,
    Templates,
)

READER = Reader(catalogues()["en"], "/", "https://ninefold.example")


def test_what_comes_in_is_text() -> None:
    values = {"heading": "<b>&", "detail": '"><script>alert(1)</script>'}
    page = Templates().render("message.html", MESSAGE, READER, **values)
    assert "<h1>&lt;b&gt;&amp;</h1>" in page
    assert "<script>alert" not in page


def test_a_value_that_is_missing_is_an_error_and_not_a_gap() -> None:
    with pytest.raises(UndefinedError):
        Templates().render("message.html", MESSAGE, READER, heading="only this")


def test_only_pages_with_scripts_of_their_own_bring_their_words() -> None:
    values = {"query": "", "order": "newest", "page": 1, "drawings": [], "has_more": False}
    page = Templates().render("gallery.html", GALLERY, READER, **values)
    assert 'id="messages"' not in page
    assert "draw-page.js" in DRAW.entries
    assert "board.js" in DRAW.modules


def test_a_browser_is_asked_to_keep_the_site_only_where_that_is_wanted() -> None:
    values = {"heading": "a", "detail": "b"}
    page = Templates(has_worker=False).render("message.html", MESSAGE, READER, **values)
    assert 'data-worker="no"' in page


def test_the_policy_allows_no_inline_code_and_nothing_from_elsewhere() -> None:
    rules = dict(rule.split(" ", 1) for rule in CONTENT_SECURITY_POLICY.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY
