"""docs/command-line.md names every command, option and key there is, and no others."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from ninefold.cli import app
from tests.cli.conftest import RunInside

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")


def commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield each command with options of its own, under the words that call it."""
    if command.params:
        yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, f"{path} {name}")


COMMANDS = dict(commands(typer.main.get_command(app), "ninefold"))


def section(path: str) -> str:
    """Return what the page says of a command."""
    match = re.search(rf"^## `{path}`\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert match is not None, f"{path} has no section in docs/command-line.md."
    return match[1]


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_is_in_its_commands_table(path: str) -> None:
    flags = {
        flag
        for parameter in COMMANDS[path].params
        for flag in (*parameter.opts, *parameter.secondary_opts)
        if flag.startswith("-")
    }
    rows = re.findall(r"^\| (`-[^|]*) \|", section(path), flags=re.MULTILINE)
    assert {flag for row in rows for flag in re.findall(r"`([^`]+)`", row)} == flags


def test_every_section_is_of_a_command() -> None:
    assert set(re.findall(r"^## `([^`]+)`$", PAGE, flags=re.MULTILINE)) == set(COMMANDS)


def test_every_option_has_a_help_text_that_is_a_sentence() -> None:
    for path, command in COMMANDS.items():
        assert command.help, path
        for parameter in command.params:
            text = re.sub(r"\s*\[default: .*\]$", "", parameter.help or "")
            assert text.endswith("."), f"{path} {parameter.opts}: {text!r}"


def keys_of(value: Any) -> Any:
    """Return the names in a document, without its values."""
    if isinstance(value, dict):
        return {name: keys_of(inner) for name, inner in value.items()}
    return [keys_of(value[0])] if isinstance(value, list) and value else None


def test_the_json_document_is_as_described(ninefold: RunInside) -> None:
    example = re.search(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)
    assert example is not None
    document = json.loads(ninefold("draw", "a cat", "--model", "tiny", "--json").out)
    document["drawings"][0]["pictures"] = document["drawings"][0]["pictures"][:1]
    document["drawings"][0]["notices"] = []
    assert keys_of(document) == keys_of(json.loads(example[1]))
