"""`ninefold doctor`: what this machine draws with, why, and what would make it faster."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer


def doctor(
    model: Annotated[
        str, typer.Argument(help="A model's name, or its folder.", show_default=False)
    ] = "pocket",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Say what draws here, why, what would be faster, and where things are kept.

    Measures a moment, and builds the native decoder if it was not built before.
    """
    from ninefold.cli.messages import printable

    document = examine(model)
    if as_json:
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    typer.echo(f"Draws with: {document['backend']}")
    typer.echo(f"Why: {printable(document['why'])}")
    for advice in document["faster"] or ["Nothing is left to do on this machine."]:
        typer.echo(f"Faster: {printable(advice)}")
    for name, found in document["found"].items():
        typer.echo(f"{name.capitalize()}: {printable(found)}")


def examine(model: str) -> dict[str, Any]:
    """Return what was found, as `--json` prints it.

    Keys: backend, why, faster (sentences), found (name to sentence).
    """
    from ninefold.checkpoints.disk import format_bytes, free_bytes
    from ninefold.checkpoints.model_folder import read_config
    from ninefold.checkpoints.registry import data_folder, find_model
    from ninefold.engine.explain import advise, look_at_machine

    config = read_config(find_model(model))
    machine = look_at_machine(config.dallebart)
    folder = data_folder()
    return {
        "backend": machine.backend,
        "why": machine.reason,
        "faster": advise(machine),
        "found": {
            "model": f"{config.name}, {config.picture_size} pixels",
            "processor": f"{machine.processor}; {', '.join(machine.instructions) or 'no'} "
            "instructions of the native decoder",
            "threads": f"{machine.threads} of {machine.cores} cores",
            "memory": machine.memory,
            "gpu": "none that PyTorch can use" if machine.device == "cpu" else machine.device,
            "compiler": machine.compiler or "none",
            "data folder": f"{folder}, {_writable(folder)}",
            "disk": f"{format_bytes(free_bytes(folder))} free there",
            "database": _database(),
            "telemetry": "none: Ninefold reports nothing to anybody",
        },
    }


def _writable(folder: Path) -> str:
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(existing, os.W_OK):
        return "which cannot be written; set NINEFOLD_HOME to a folder of yours"
    return "in use" if existing == folder else "made when it is needed"


def _database() -> str:
    """Say where the service keeps its jobs; without a password."""
    from ninefold.errors import UserError

    try:
        from ninefold.service.settings import read_settings
        from ninefold.service.store.database import parse_database_url
    except ModuleNotFoundError as error:
        return f"none; the service's packages are not installed ({error.name} is missing)"
    try:
        settings = read_settings()
        if settings.database_url is None:
            return f"embedded, in {settings.data}"
        url = parse_database_url(settings.database_url.get_secret_value())
    except UserError as error:
        return f"the service cannot start: {error}"
    return f"PostgreSQL, {url.database} at {url.host}"
