"""`ninefold corpus build`: the pictures that pocket is trained on, or a person's own."""

from pathlib import Path
from typing import Annotated

import typer

from ninefold.cli.messages import tell
from ninefold.cli.progress import progress_bar

_SHOWN = 10
"""Pictures that were left out, of which the reason is told."""

app = typer.Typer(help="The pictures and captions that pocket is trained on.")


@app.callback()
def root() -> None:
    """The pictures and captions that pocket is trained on."""


@app.command("build")
def build(
    pictures: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Build from your own pictures with captions in this folder instead: name.jpg and "
            "name.txt, captions.jsonl, or WebDataset shards.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the corpus.  [default: runs/corpus; with --from runs/own-corpus]",
            show_default=False,
        ),
    ] = None,
    cache: Annotated[Path, typer.Option(help="Folder of downloaded packages.")] = Path(
        ".cache/corpus"
    ),
    size: Annotated[
        int, typer.Option(min=16, max=512, help="Side of the pictures in pixels.")
    ] = 128,
    workers: Annotated[int, typer.Option(min=1, help="Processes that render.")] = 2,
    wordnet: Annotated[
        Path, typer.Option(help="Folder of WordNet's files, as Debian's wordnet-base has them.")
    ] = Path("/usr/share/wordnet"),
) -> None:
    """Fetch the openly licensed emoji sets with npm, render them, and look up what words mean.

    A corpus that is already there is left as it is. With --from, nothing is fetched, and the
    corpus is built anew from your own pictures.
    """
    if pictures is not None:
        _build_own(pictures, out or Path("runs/own-corpus"), size)
        return
    from ninefold.corpus.build import build_corpus, build_words

    out = out or Path("runs/corpus")
    with progress_bar("Rendering pictures") as advance_to:
        count = build_corpus(out, cache, size, workers, advance_to)
    tell(f"{count} pictures of {size} pixels in {out}")
    tell(f"{build_words(out, cache, wordnet)} words that mean one of them")


def _build_own(pictures: Path, out: Path, size: int) -> None:
    from ninefold.corpus.own_pictures import build_own_corpus

    built = build_own_corpus(pictures, out, size)
    for name, reason in built.left_out[:_SHOWN]:
        tell(f"left out {name}: {reason}")
    if len(built.left_out) > _SHOWN:
        tell(f"left out {len(built.left_out) - _SHOWN} more")
    tell(f"{built.num_pictures} pictures of {size} pixels in {out}")
