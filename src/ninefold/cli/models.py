"""`ninefold models`: which models are here, and which can be pulled."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def models(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """List the models: installed or how to get them, with size, licence and limits."""
    rows = describe_models()
    if as_json:
        typer.echo(json.dumps({"models": rows}, indent=2, ensure_ascii=False))
    else:
        _print_table(rows)


def describe_models() -> list[dict[str, Any]]:
    """Return what is known of each model, as `--json` prints it.

    Keys: name, title, installed, folder (null if it is not installed), bytes (on disk, or to be
    downloaded), get (the command to get it, or null), licence, limits, transliteration (what spells
    prompts in other scripts; null where they are read as they are, or it is not installed).
    """
    from ninefold.checkpoints import registry

    rows = []
    for spec in registry.REGISTRY.values():
        folder = registry.model_folder(spec)
        is_here = registry.is_installed(spec)
        rows.append(
            {
                "name": spec.name,
                "title": spec.title,
                "installed": is_here,
                "folder": str(folder) if is_here else None,
                "bytes": _folder_bytes(folder) if is_here else spec.download_bytes(),
                "get": None if is_here else _how_to_get(spec),
                "licence": spec.licence,
                "limits": spec.limits,
                "transliteration": _transliteration(folder) if is_here else None,
            }
        )
    return rows + [_describe_local(name) for name in registry.local_models()]


def _describe_local(name: str) -> dict[str, Any]:
    from ninefold.checkpoints import registry

    folder = registry.find_model(name)
    config = json.loads((folder / registry.CONFIG_FILE).read_bytes())
    return {
        "name": name,
        "title": "your own",
        "installed": True,
        "folder": str(folder),
        "bytes": _folder_bytes(folder),
        "get": None,
        "licence": str(config.get("licence", "not stated")),
        "limits": "not known; those of the files that it was made from",
        "transliteration": _transliteration(folder),
    }


def _transliteration(folder: Path) -> str | None:
    from ninefold.checkpoints.model_folder import read_config
    from ninefold.text.normalize import transliteration_of_folder

    return transliteration_of_folder(folder).name if read_config(folder).normalize_text else None


def _how_to_get(spec: Any) -> str:
    return "install ninefold again" if spec.is_packaged else f"ninefold pull {spec.name}"


def _folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ninefold.checkpoints.disk import format_bytes
    from ninefold.cli.messages import printable

    table = Table("name", "", "size", "licence", "what it is, and its limits", show_lines=True)
    for row in rows:
        state = "installed" if row["installed"] else row["get"]
        about = f"{row['title']}: {row['limits']}"
        if row["transliteration"]:
            about += f"; spells other scripts by {row['transliteration']}"
        cells = (row["name"], state, format_bytes(row["bytes"]), row["licence"], about)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    Console().print(table)
