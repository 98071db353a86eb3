"""docs/architecture.md against the code: its tree, its layers, and every step of a request."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "ninefold"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
STEPS_OF_A_LIFE = 10

REFERENCE = re.compile(r"`([a-z0-9_/]+\.py):([A-Za-z0-9_.]+)`")


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, f"the page has no section {title!r}"
    return found[1]


def steps_of(title: str) -> list[str]:
    return re.split(r"^\d+\. ", section(title), flags=re.MULTILINE)[1:]


def names_in(path: Path) -> Iterator[str]:
    """Yield the functions, classes and methods of a module: `name` and `Class.name`."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        if isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}.{member.name}"


def tree_on_the_page() -> dict[str, str]:
    """Return what the tree says of each path; a folder ends in a slash."""
    told, folders = {}, [""]
    for line in section("The tree").splitlines():
        found = re.fullmatch(r"( {6,})([a-z0-9_./]+) +(\S.*)", line)
        if found is None:
            continue
        depth = (len(found[1]) - 6) // 2
        path = folders[depth] + found[2]
        told[path] = found[3]
        folders[depth + 1 :] = [path]
    return told


def tree_of_the_code() -> set[str]:
    packages = {path.parent.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("__init__.py")}
    packages = {f"{name}/" for name in packages if name != "." and "migrations" not in name}
    modules = {path.name for path in SOURCE.glob("*.py") if not path.stem.startswith("__")}
    return packages | modules


def contracts() -> list[dict[str, object]]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[dict[str, object]] = config["tool"]["importlinter"]["contracts"]
    return found


def test_the_tree_is_that_of_the_code() -> None:
    assert set(tree_on_the_page()) == tree_of_the_code()


def test_the_tree_says_of_each_what_it_does_not_know() -> None:
    told = tree_on_the_page()
    assert not [path for path, what in told.items() if "does not know" not in what]


def test_the_layers_are_those_of_the_contract() -> None:
    told = re.findall(r"^ {4}(\S.*)$", section("Layers"), re.MULTILINE)
    (layers,) = (contract["layers"] for contract in contracts() if contract["id"] == "layers")
    assert isinstance(layers, list)
    held = [layer.replace("ninefold.", "") for layer in layers if not layer.startswith("(")]
    assert told == held


def test_the_other_contracts_are_listed() -> None:
    told = re.findall(r"^- `([a-z-]+)`:", section("Layers"), re.MULTILINE)
    assert told == [contract["id"] for contract in contracts() if contract["id"] != "layers"]


LIVES = ("A prompt typed at the command line", "A prompt posted to the service")


@pytest.mark.parametrize("title", LIVES)
def test_every_step_of_a_life_names_where_it_happens(title: str) -> None:
    steps = steps_of(title)
    assert len(steps) == STEPS_OF_A_LIFE
    assert not [step for step in steps if REFERENCE.search(step) is None]


@pytest.mark.parametrize("title", LIVES)
def test_every_name_on_the_page_is_in_the_code(title: str) -> None:
    missing = [
        f"{path}:{name}"
        for path, name in REFERENCE.findall(section(title))
        if not (SOURCE / path).is_file() or name not in set(names_in(SOURCE / path))
    ]
    assert not missing
