"""The documentation as a whole: every page can be found, and every link between pages leads on."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = ROOT / "docs" / "decisions"


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def linked_pages(page: Path) -> Iterator[Path]:
    """Yield the pages of the repository that a page links to."""
    for target in re.findall(r"\]\(([^)#\s]+\.md)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            yield (page.parent / target).resolve()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_link_to_a_page_leads_to_one(page: Path) -> None:
    broken = [path.name for path in linked_pages(page) if not path.is_file()]
    assert not broken, f"{name_of(page)} links to {', '.join(broken)}."


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_sends_readers_to_an_index_that_has_no_ninefold(page: Path) -> None:
    if page.name != "CHANGELOG.md":  # which tells what was wrong once
        assert "install 'ninefold" not in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("start", ["README.md", "docs/index.md"])
def test_every_page_is_linked_from_where_readers_begin(start: str) -> None:
    pages = {page.resolve() for page in (ROOT / "docs").glob("*.md")} - {ROOT / "docs" / "index.md"}
    missing = pages - set(linked_pages(ROOT / start))
    assert not missing, f"{start} does not link to {', '.join(map(name_of, missing))}."


def test_every_decision_is_listed_by_its_title() -> None:
    listed = (DECISIONS / "README.md").read_text(encoding="utf-8")
    for page in sorted(DECISIONS.glob("0*.md")):
        number, _, title = page.read_text(encoding="utf-8").splitlines()[0][2:].partition(" · ")
        assert page.name.startswith(f"{number}-"), f"{page.name} calls itself {number}."
        assert f"- [{number}]({page.name}) {title}\n" in listed, f"README.md lacks {page.name}."
