"""`ninefold audit`: what a model shows that nobody asked it for."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ninefold.cli.progress import progress_bar
from ninefold.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

app = typer.Typer(help="Measure what a model shows that nobody asked it for.")


@app.callback()
def root() -> None:
    """Measure what a model shows that nobody asked it for."""


@app.command("bias")
def bias(
    model: Annotated[str, typer.Option(help="An installed model, or a model's folder.")] = "pocket",
    seeds: Annotated[int, typer.Option(min=1, help="Seeds; each draws nine pictures.")] = 4,
    out: Annotated[
        Path, typer.Option(help="Folder of table, plot and figures; earlier ones are replaced.")
    ] = Path("runs/bias"),
) -> None:
    """Draw people by occupation and trait, and say what appears.

    Writes bias.md, bias.png and bias.json, and prints the table.
    """
    from ninefold.evaluation.bias import CONCEPTS, audit_bias, prompts
    from ninefold.evaluation.bias_plot import plot_audit
    from ninefold.generation.params import SamplingParams, get_preset
    from ninefold.pipeline import TextToImage

    artist = TextToImage.load(model)
    if artist.clip is None or artist.clip_reader is None:
        raise UserError(f"Model {artist.config.name!r} has no CLIP to look with.")
    start = get_preset(artist.config.preset).params.to_dict()
    total = seeds * (len(prompts()) + sum(map(len, CONCEPTS.values())))
    with progress_bar("Drawing", is_hidden=False) as advance_to:
        drawn = 0

        def draw(prompt: str) -> Sequence["Image.Image"]:
            nonlocal drawn
            images: list[Image.Image] = []
            for seed in range(seeds):
                params = SamplingParams.from_dict({**start, "seed": seed, "rank": False})
                images += [picture.image for picture in artist.draw(prompt, params).pictures]
                drawn += 1
                advance_to(drawn, total)
            return images

        audit = audit_bias(
            artist.config.name,
            artist.config.sha256,
            draw,
            artist.clip,
            artist.clip_reader,
        )
    out.mkdir(parents=True, exist_ok=True)
    text = "\n".join(audit.lines()) + "\n"
    plot_audit(audit, out / "bias.png")
    (out / "bias.md").write_text(text, encoding="utf-8")
    (out / "bias.json").write_text(json.dumps(audit.document(), indent=2) + "\n", encoding="utf-8")
    typer.echo(text, nl=False)
