"""The rules of the house that no linter checks: sizes, names, docstrings, layers, version."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import ninefold
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "ninefold"
MODULES = sorted(SOURCE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MOST_LINES = 700
"""A file is one idea, as long as it needs; beyond this it is several."""

UNTELLING_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|misc|managers?)(_|$)")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def public_definitions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Yield public classes and functions of a module, and the public methods of those classes."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node
            for member in node.body:
                if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}.{member.name}", member
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node


def test_there_is_something_to_check() -> None:
    assert len(MODULES) > 20
    assert len(TESTS) > 10


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=name_of)
def test_a_file_is_short_enough_to_read(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES, f"{name_of(path)} has {lines} lines; part it."


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_named_after_what_it_does(path: Path) -> None:
    for part in path.relative_to(SOURCE).with_suffix("").parts:
        assert not UNTELLING_NAMES.search(part), f"{name_of(path)}: name what it does."


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=name_of)
def test_a_module_opens_with_what_it_is(path: Path) -> None:
    assert ast.get_docstring(parse(path)), f"{name_of(path)} has no docstring."


def is_plain(node: ast.AST) -> bool:
    """Tell whether a method takes nothing and does next to nothing: its name is enough."""
    return (
        isinstance(node, ast.FunctionDef)
        and len(node.args.args) + len(node.args.kwonlyargs) == 1
        and len(node.body) <= 2
    )


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_what_is_public_says_what_it_does(path: Path) -> None:
    silent = [
        name
        for name, node in public_definitions(parse(path))
        if not name.rpartition(".")[2].startswith("_")
        and isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not ast.get_docstring(node)
        and not ("." in name and is_plain(node))
    ]
    assert not silent, f"{name_of(path)}: no docstring on {', '.join(silent)}."


EMPTY_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a all an and any are as at be by do does each every for from get give gives hold holds
        how in into is it its keep keeps make makes of on one or read reads return returns say says
        so some tell tells that the this to what where which with""",
    )
)


def stems(text: str) -> set[str]:
    """Return the words of a name or a sentence without endings, the empty ones left out."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", text)
    told = {word.lower() for word in words} - EMPTY_WORDS
    return {re.sub(r"(ing|ed|es|s)$", "", word) or word for word in told}


def restates(node: ast.AST, names: str) -> bool:
    """Tell whether the docstring of a definition has no word that its names and types lack."""
    assert isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    said = ast.get_docstring(node)
    if said is None or "\n" in said:
        return False
    if not isinstance(node, ast.ClassDef):
        names += " " + ast.unparse(node.args)
        names += "" if node.returns is None else " " + ast.unparse(node.returns)
    return stems(said) <= stems(names)


WORDS_FOR_OTHERS = frozenset(
    {
        ("src/ninefold/cli/admin.py", "cancel"),  # the help of a command
        ("src/ninefold/service/documents.py", "JobDocument"),  # the OpenAPI document
    }
)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_docstring_restates_a_name(path: Path) -> None:
    restating = [
        name
        for name, node in public_definitions(parse(path))
        if (name_of(path), name) not in WORDS_FOR_OTHERS and restates(node, name.rpartition(".")[2])
    ]
    assert not restating, f"{name_of(path)}: delete or improve {', '.join(restating)}."


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=name_of)
def test_imports_are_absolute(path: Path) -> None:
    imports = [node for node in ast.walk(parse(path)) if isinstance(node, ast.ImportFrom)]
    assert not [node.lineno for node in imports if node.level], f"{name_of(path)}"


def test_every_test_folder_is_a_package() -> None:
    folders = {path.parent for path in TESTS}
    assert not [name_of(folder) for folder in folders if not (folder / "__init__.py").is_file()]


def test_layers_import_only_lower_ones() -> None:
    result = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_no_two_public_classes_have_the_same_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        for node in parse(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(name_of(path))
    assert not {name: found for name, found in places.items() if len(found) > 1}


def layers() -> list[set[str]]:
    """Return the layers of the import contract, each as the names below `ninefold` that it has."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (found,) = (
        contract["layers"]
        for contract in config["tool"]["importlinter"]["contracts"]
        if contract["id"] == "layers"
    )
    return [
        {part.strip(" ()").removeprefix("ninefold.") for part in each.split("|")} for each in found
    ]


@pytest.mark.parametrize("layer", layers(), ids=lambda layer: "-".join(sorted(layer)))
def test_no_two_modules_of_a_layer_have_the_same_name(layer: set[str]) -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        parts = path.relative_to(SOURCE).with_suffix("").parts
        if parts[0] in layer and not path.stem.startswith("__"):
            places[path.stem].append(name_of(path))
    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_the_changelog_tops_with_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[([^\]]+)\]", changelog, flags=re.MULTILINE)
    numbered = [version for version in versions if version != "Unreleased"]
    assert numbered[0] == ninefold.__version__
