"""The page's files: whole, small, and each at an address that changes with them."""

import gzip
import re

import pytest

from ninefold.web.assets import assets, modules_of, shell_files, static_url, version
from ninefold.web.rendering import DRAW, HISTORY

MAX_PAGE_BYTES = 100_000


def test_an_address_names_the_version_of_all_files() -> None:
    assert static_url("page.css") == f"/static/{version()}/page.css"
    assert re.fullmatch(r"[0-9a-f]{12}", version())
    with pytest.raises(KeyError, match=r"no-such\.css"):
        static_url("no-such.css")


def test_packed_files_hold_the_same() -> None:
    asset = assets()["page.css"]
    assert asset.packed is not None
    assert len(asset.packed) < len(asset.data)
    assert gzip.decompress(asset.packed) == asset.data


def test_all_modules_that_a_page_imports_are_known_before_they_load() -> None:
    modules = modules_of("draw-page.js")
    assert modules[0] == "draw-page.js"
    assert {"board.js", "job-state.js", "reconnecting.js"} <= set(modules)
    assert len(modules) == len(set(modules))


@pytest.mark.parametrize("parts", [DRAW, HISTORY])
def test_no_page_weighs_more_than_it_may(parts: object) -> None:
    assert parts in (DRAW, HISTORY)
    page = DRAW if parts is DRAW else HISTORY
    names = {"page.css", "theme.js", "mark.svg", "icons.svg", *page.sheets, *page.entries}
    names |= set(page.modules)
    assert (
        sum(len(assets()[name].packed or assets()[name].data) for name in names)
        < MAX_PAGE_BYTES / 2
    )


@pytest.mark.parametrize(
    "name", [name for name in assets() if name.endswith((".js", ".css", ".svg"))]
)
def test_nothing_is_loaded_from_elsewhere(name: str) -> None:
    text = assets()[name].data.decode()
    addresses = set(re.findall(r"https?://[^\s\"'`)]+", text))
    allowed = {
        "http://www.w3.org/2000/svg",  # a name, not an address
        "http://here.invalid",  # a base to read paths with
        "https://x.com/intent/post",  # links that people follow
        "https://www.reddit.com/submit",
    }
    assert addresses <= allowed


@pytest.mark.parametrize("name", [name for name in assets() if name.endswith(".css")])
def test_a_stylesheet_belongs_to_a_component_or_to_a_kind_of_page(name: str) -> None:
    kinds_of_page = {"prose.css"}
    assert name in kinds_of_page or name.replace(".css", ".js") in assets()


def test_the_offline_shell_has_the_history_but_not_the_worker_itself() -> None:
    files = shell_files()
    assert "/history" in files
    assert static_url("history-page.js") in files
    assert static_url("sw.js") not in files
