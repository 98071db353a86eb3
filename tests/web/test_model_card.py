"""The model card as a page: Markdown, and nothing that leads nowhere."""

from ninefold.web.model_card import model_card_html, to_html


def test_pockets_card_is_there_and_other_models_have_none_of_ours() -> None:
    card = model_card_html("pocket")
    assert card is not None
    assert "<h1>" in card
    assert "<table>" in card
    assert model_card_html("mega") is None


def test_markup_in_a_card_is_text() -> None:
    page = to_html("A <script>alert(1)</script> and [a link](javascript:alert(1))")
    assert "<script" not in page
    assert "href" not in page


def test_pictures_and_links_inside_the_repository_are_left_out() -> None:
    page = to_html(
        "See ![sheet](docs/a.png) and [the log](docs/LOG.md), [a site](https://example.org/)."
    )
    assert "<img" not in page
    assert "LOG.md" not in page
    assert "the log" in page
    assert '<a href="https://example.org/">a site</a>' in page


def test_a_wide_table_scrolls_by_itself() -> None:
    page = to_html("| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert '<div class="table" tabindex="0"><table>' in page
    assert page.count("<div") == page.count("</div>")
