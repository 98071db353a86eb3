"""`ninefold pull`: published weights, from the hub or from a folder, into an installed model."""

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.progress import TaskID

    from ninefold.checkpoints.verify import Check


def pull(
    name: Annotated[
        str | None,
        typer.Argument(help="mini or mega; with --from, any name.", show_default=False),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FOLDER", help="Convert files that are here, do not download."
        ),
    ] = None,
    vqgan: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The VQGAN's files, where --from does not hold them."),
    ] = None,
    clip: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="CLIP's files, where --from does not hold them."),
    ] = None,
    no_clip: Annotated[
        bool, typer.Option("--no-clip", help="Without CLIP: pictures are not ranked.")
    ] = False,
    dtype: Annotated[
        str | None,
        typer.Option(
            help="Number format to store: float32, float16 or bfloat16. [default: as published]",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a model that is installed.")
    ] = False,
    endpoint: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Another hub than HF_ENDPOINT or https://huggingface.co."),
    ] = None,
) -> None:
    """Download a model, or convert one that is here; verify it and install it."""
    from ninefold.checkpoints.hub_client import Hub
    from ninefold.checkpoints.install import InstallOptions, install_local, install_published
    from ninefold.checkpoints.local_sources import find_sources
    from ninefold.checkpoints.registry import find_spec
    from ninefold.devices import resolve_dtype
    from ninefold.errors import UserError

    if dtype:
        resolve_dtype(dtype)
    if no_clip and clip:
        raise UserError("--clip and --no-clip exclude each other; leave one of them out.")
    options = InstallOptions(dtype=dtype, with_clip=not no_clip, force=force)
    with _Screen() as screen:
        if source:
            sources = find_sources(source, vqgan=vqgan, clip=clip, with_clip=not no_clip)
            folder = install_local(name, sources, screen, options)
        elif vqgan or clip:
            raise UserError("--vqgan and --clip go with --from, which was not given.")
        elif name:
            hub = Hub.from_environment(endpoint)
            folder = install_published(find_spec(name), hub, screen, options)
        else:
            raise UserError("Say what to pull: `ninefold pull mini`, or `ninefold models` to see.")
        screen.step(f"Draw with it: ninefold draw 'an avocado armchair' --model {folder.name}")
    typer.echo(folder)


class _Screen:
    """A reporter on standard error: lines, and bars in a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "_Screen":
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()
        if kind is KeyboardInterrupt:
            self.step("Stopped; nothing was installed. Run it again: what was downloaded is kept.")

    def step(self, message: str) -> None:
        from ninefold.cli.messages import printable

        self._bars.console.print(printable(message), markup=False, highlight=False, soft_wrap=True)

    def progress(self, label: str, here: int, total: int) -> None:
        if label not in self._tasks:
            self._tasks[label] = self._bars.add_task(label, total=total)
        self._bars.update(self._tasks[label], completed=here)

    def check(self, check: "Check") -> None:
        self.step(f"  {'pass' if check.passed else 'FAIL'}  {check.name}: {check.seen}")
