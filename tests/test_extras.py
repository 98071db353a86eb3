"""A package that is missing is answered with a command that brings it."""

import ast
import shlex
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from ninefold import extras
from ninefold.cli import main
from ninefold.extras import extra_of, install_command

ROOT = Path(__file__).parent.parent
SOURCE = Path(extras.__file__).parent
ALWAYS_THERE = {
    *("PIL", "emoji", "filelock", "ftfy", "httpx2", "huggingface_hub", "numpy", "rich"),
    *("safetensors", "text_unidecode", "tokenizers", "torch", "typer", "yaml"),
}


class Installed:
    """What an installation that is up to date says of itself."""

    def __init__(self, origin: str = "{}") -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extras = project["optional-dependencies"].items()
        self.requires = [f"{each}; extra == '{name}'" for name, all_ in extras for each in all_]
        self._origin = origin

    def read_text(self, _name: str) -> str:
        return self._origin


@pytest.fixture(autouse=True)
def installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "distribution", lambda _name: Installed())


def imported_modules() -> set[str]:
    """Return the packages of others that the source imports anywhere."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"ninefold"}


@pytest.mark.parametrize("module", sorted(imported_modules() - ALWAYS_THERE))
def test_every_module_that_may_be_missing_belongs_to_an_extra(module: str) -> None:
    assert module in packages_distributions()
    assert extra_of(f"{module}.part") in ("serve", "train", "safety", "unidecode-gpl")


def test_a_module_of_nobody_is_of_no_extra() -> None:
    assert extra_of("tkinter") is None
    assert extra_of("torch") is None


@pytest.mark.parametrize(
    ("origin", "wanted"),
    [
        ('{"url": "file://FOLDER", "dir_info": {"editable": true}}', ["--editable", "[serve]"]),
        ('{"url": "file://FOLDER", "dir_info": {}}', ["[serve]"]),
    ],
)
def test_the_command_names_where_it_was_installed_from(
    origin: str, wanted: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a clone"
    folder.mkdir()

    url = origin.replace("FOLDER", folder.as_posix().replace(" ", "%20"))
    monkeypatch.setattr(extras, "distribution", lambda _name: Installed(url))
    *options, last = wanted
    command = [sys.executable, "-m", "pip", "install", *options, f"{folder}{last}"]
    assert shlex.split(install_command("serve")) == command


@pytest.mark.parametrize(
    ("module", "extra"), [("resvg_py", "train"), ("matplotlib.pyplot", "train"), ("c2pa", "safety")]
)
def test_a_command_that_misses_a_package_says_what_to_run(
    module: str, extra: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setattr("ninefold.cli.models.describe_models", fail)
    assert main(["models"]) == 2
    said = capsys.readouterr().err
    assert f"run: {install_command(extra)}" in said
    assert "report" not in said
