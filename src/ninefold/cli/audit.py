"""`ninefold audit`: what a model shows that nobody asked it for."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ninefold.cli.messages import tell
from ninefold.cli.progress import progress_bar
from ninefold.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

BIAS_FILE = "bias.json"
"""Beside a model's weights: what was measured."""

app = typer.Typer(help="Measure what a model shows that nobody asked it for.")


@app.callback()
def root() -> None:
    """Measure what a model shows that nobody asked it for."""


@app.command("bias")
def bias(
    model: Annotated[str, typer.Option(help="An installed model, or a model's folder.")] = "pocket",
    seeds: Annotated[
        int, typer.Option(min=1, help="Pictures of each prompt, each from chance of its own.")
    ] = 36,
    backend: Annotated[
        str, typer.Option(help="How the decoder runs: auto, or one of the engine's backends.")
    ] = "auto",
    threads: Annotated[
        int, typer.Option(min=0, help="Processor threads; 0 leaves it to PyTorch.")
    ] = 0,
    out: Annotated[
        Path, typer.Option(help="Folder of table, plot and figures; earlier ones are replaced.")
    ] = Path("runs/bias"),
    packages: Annotated[
        Path, typer.Option(help="Folder of the corpus' packages, which controls are taken from.")
    ] = Path(".cache/corpus"),
    release: Annotated[
        bool,
        typer.Option(
            "--release",
            help="Put table and plot into docs/evaluation and the figures beside the weights.",
        ),
    ] = False,
) -> None:
    """Draw people by occupation and trait, and say what appears.

    Writes bias.md, bias.png and bias.json, and prints the table.
    """
    from ninefold.engine.threads import set_threads
    from ninefold.evaluation.bias import GENDERS, audit_bias, prompts
    from ninefold.evaluation.bias_controls import read_controls
    from ninefold.evaluation.bias_plot import plot_audit
    from ninefold.generation.params import MAX_COUNT, SamplingParams
    from ninefold.pipeline import TextToImage

    texts, figures = _places(model) if release else (out, out)
    if threads:
        set_threads(threads)
    known = read_controls(packages)
    artist = TextToImage.load(model, "cpu", _format_of(model, backend))
    if artist.clip is None or artist.clip_reader is None:
        raise UserError(f"Model {artist.config.name!r} has no CLIP to look with.")
    total = seeds * (len(prompts()) + len(GENDERS))
    with progress_bar("Drawing", is_hidden=False) as advance_to:
        drawn = 0

        def draw(prompt: str) -> Sequence["Image.Image"]:
            nonlocal drawn
            images: list[Image.Image] = []
            for first in range(0, seeds, MAX_COUNT):
                count = min(MAX_COUNT, seeds - first)
                params = SamplingParams(count=count, first_image=first, rank=False)
                images += [picture.image for picture in artist.draw(prompt, params).pictures]
                drawn += len(images) - first
                advance_to(drawn, total)
            return images

        audit = audit_bias(
            artist.config.name,
            artist.config.sha256,
            draw,
            artist.clip,
            artist.clip_reader,
            known,
        )
    text = "\n".join(audit.lines()) + "\n"
    for folder in (texts, figures):
        folder.mkdir(parents=True, exist_ok=True)
    plot_audit(audit, texts / "bias.png")
    (texts / "bias.md").write_text(text, encoding="utf-8")
    document = json.dumps(audit.document(), indent=2) + "\n"
    (figures / BIAS_FILE).write_text(document, encoding="utf-8")
    typer.echo(text, nl=False)
    tell(f"Table and plot are in {str(texts)!r}, the figures in {str(figures / BIAS_FILE)!r}.")


def _places(model: str) -> tuple[Path, Path]:
    """Return where a release has table and plot, and where the figures: beside the weights."""
    from ninefold.checkpoints.registry import find_model

    folder = find_model(model)
    docs = Path(__file__).parents[3] / "docs" / "evaluation"
    if model != "pocket" or not docs.is_dir():
        raise UserError(
            "--release is for pocket, in a clone of Ninefold; leave it out, or --model."
        )
    return docs, folder


def _format_of(model: str, backend: str) -> str:
    """Return the format by which the library draws as a backend of the engine does."""
    from ninefold.checkpoints.model_folder import read_config
    from ninefold.checkpoints.registry import find_model
    from ninefold.devices import resolve_device
    from ninefold.engine.backends import choose_backend, recipe_dtype

    config = read_config(find_model(model))
    return recipe_dtype(choose_backend(backend, config.dallebart, resolve_device("cpu")).name)
