"""`ninefold serve`: the whole service with one command, or one part of it."""

import os
from pathlib import Path
from typing import Annotated

import typer

from ninefold.cli.messages import tell
from ninefold.errors import UserError


def serve(
    model: Annotated[
        str | None,
        typer.Option(help="pocket, mini, mega, or the folder of a model.  [default: pocket]"),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on; 0.0.0.0 for all.  [default: 127.0.0.1]"),
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.  [default: 8000]")] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where database and pictures are kept.  [default: in Ninefold's data folder]",
        ),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            metavar="ROLE",
            help="Run one process alone: gateway or worker; both need DATABASE_URL.  "
            "[default: everything]",
        ),
    ] = None,
) -> None:
    """Serve pages and APIs that draw, with a queue that loses nothing.

    Further settings come from the environment (docs/serving.md); Ctrl-C stops, and a job that is
    not finished then goes on with the next start.
    """
    from ninefold.service import __main__ as roles
    from ninefold.service.data_folder import move_from_cache
    from ninefold.service.logs import configure_logs
    from ninefold.service.model_facts import read_model_facts
    from ninefold.service.settings import read_settings
    from ninefold.service.store.database import migrate, parse_database_url
    from ninefold.service.supervisor import Supervisor

    settings = read_settings(model=model, host=host, port=port, data=data)
    read_model_facts(settings.model)
    move_from_cache(settings, tell)
    if only is not None:
        if only not in ("gateway", "worker"):
            raise UserError(f"There is no role {only!r}; use gateway or worker.")
        configure_logs(settings, only)
        if settings.database_url is not None:
            migrate(parse_database_url(settings.database_url.get_secret_value()))
        roles.run_role(only, settings)
        return
    configure_logs(settings, "supervisor")
    environment = {
        **os.environ,
        "NINEFOLD_MODEL": settings.model,
        "NINEFOLD_HOST": settings.host,
        "NINEFOLD_PORT": str(settings.port),
        "NINEFOLD_DATA": str(settings.data),
    }
    Supervisor(settings, environment).run(
        lambda address: tell(f"Ninefold serves {settings.model} at {address} (Ctrl-C stops it).")
    )
