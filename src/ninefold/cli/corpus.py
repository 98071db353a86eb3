"""`ninefold corpus build`: fetch and render the pictures that pocket is trained on."""

from pathlib import Path
from typing import Annotated

import typer

from ninefold.cli.messages import tell
from ninefold.cli.progress import progress_bar

app = typer.Typer(help="The pictures and captions that pocket is trained on.")


@app.callback()
def root() -> None:
    """The pictures and captions that pocket is trained on."""


@app.command("build")
def build(
    out: Annotated[Path, typer.Option(help="Folder of the corpus.")] = Path("runs/corpus"),
    cache: Annotated[Path, typer.Option(help="Folder of downloaded packages.")] = Path(
        ".cache/corpus"
    ),
    size: Annotated[
        int, typer.Option(min=16, max=512, help="Side of the pictures in pixels.")
    ] = 64,
    workers: Annotated[int, typer.Option(min=1, help="Processes that render.")] = 2,
) -> None:
    """Fetch the openly licensed emoji sets with npm, render them and write the corpus.

    A corpus that is already there is left as it is.
    """
    from ninefold.corpus.build import build_corpus

    with progress_bar("Rendering pictures") as advance_to:
        count = build_corpus(out, cache, size, workers, advance_to)
    tell(f"{count} pictures of {size} pixels in {out}")
