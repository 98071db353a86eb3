"""`ninefold config`: the service's settings, as they would hold now."""

import os
from typing import Annotated

import typer

from ninefold.cli.messages import printable, tell

app = typer.Typer(help="Check the service's settings.")

OTHER_VARIABLES = frozenset({"NINEFOLD_HOME", "NINEFOLD_DEBUG", "NINEFOLD_INSTRUCTIONS"})
"""Variables that are read, but are no settings of the service."""


@app.callback()
def root() -> None:
    """Check the service's settings."""


@app.command("check")
def check(
    show: Annotated[bool, typer.Option("--show", help="Print every setting that holds.")] = False,
) -> None:
    """Say whether the service can start with the settings of the environment, and why not."""
    from ninefold.service.configuration import check_settings
    from ninefold.service.settings import Settings, read_settings

    settings = read_settings()
    known = {f"NINEFOLD_{name.upper()}" for name in Settings.model_fields} | OTHER_VARIABLES
    for name in sorted(set(filter(lambda name: name.startswith("NINEFOLD_"), os.environ)) - known):
        tell(f"Note: {printable(name)} is no setting; it is not read.")
    if show:
        for name, value in settings.model_dump().items():
            typer.echo(printable(f"NINEFOLD_{name.upper()}={value}"))
    check_settings(settings)
    tell("The service can start with these settings.")
