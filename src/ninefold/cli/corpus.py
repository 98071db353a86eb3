"""`ninefold corpus build`: the pictures that pocket is trained on, or a person's own."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ninefold.cli.messages import tell
from ninefold.cli.progress import progress_bar

_SHOWN = 10
"""Files of one reason that are named."""

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
    ] = 256,
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
    _tell_each("left out ", built.left_out)
    _tell_each("", built.remarks)
    tell(f"{built.num_pictures} pictures of {size} pixels in {out}")


def _tell_each(what: str, told: Sequence[tuple[str, str]]) -> None:
    """Name what each reason concerns; of many files with one reason the first, and how many."""
    counts: Counter[str] = Counter()
    for name, reason in told:
        counts[reason] += 1
        if counts[reason] <= _SHOWN:
            tell(f"{what}{name}: {reason}")
    for reason, count in counts.items():
        if count > _SHOWN:
            tell(f"{what}{count - _SHOWN} more: {reason}")
