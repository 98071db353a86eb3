"""The model card as a page: Markdown to HTML, without pictures and without markup of its own.

Only pocket's card comes with Ninefold; of other models the page says what is known of them all.
"""

from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

_PLACES = (Path(__file__).parent / "MODEL_CARD.md", Path(__file__).parents[3] / "MODEL_CARD.md")
"""In an installed package, and in a clone."""


@cache
def model_card_html(name: str) -> Markup | None:
    """Return the card of a model; None where none comes with Ninefold."""
    path = next((path for path in _PLACES if path.is_file()), None)
    if name != "pocket" or path is None:
        return None
    return to_html(path.read_text(encoding="utf-8"))


def to_html(text: str) -> Markup:
    """Return a text of Markdown as HTML.

    HTML in the text is shown as text. Pictures are left out, and links inside the repository become
    plain words, because neither leads anywhere from here.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    for token in tokens:
        if token.children:
            token.children = _without_local_links(token.children)
    html = str(markdown.renderer.render(tokens, markdown.options, {}))
    html = html.replace("<table>", '<div class="table" tabindex="0"><table>')
    return Markup(html.replace("</table>", "</table></div>").replace("<p></p>\n", ""))


def _without_local_links(children: list[Token]) -> list[Token]:
    kept: list[Token] = []
    is_local = False
    for token in children:
        if token.type == "link_open":
            is_local = not str(token.attrs.get("href", "")).startswith(("https://", "http://"))
        is_link = token.type in ("link_open", "link_close")
        if token.type != "image" and not (is_link and is_local):
            kept.append(token)
    return kept
