"""`ninefold evaluate`: measure what a model draws, and write the report."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ninefold.cli.messages import tell
from ninefold.cli.progress import progress_bar
from ninefold.errors import UserError

if TYPE_CHECKING:
    from ninefold.evaluation.judge import Judge
    from ninefold.evaluation.measure import Draw
    from ninefold.evaluation.prompts import Split
    from ninefold.generation.params import SamplingParams
    from ninefold.pipeline import TextToImage

PLAIN = "plain"
"""Not the engine: the plain generator."""
DEFAULT_OUT = Path("runs/evaluation")


def evaluate(  # noqa: PLR0913 - every option of the command is a parameter
    model: Annotated[
        str, typer.Option(help="pocket, another installed model, or a model's folder.")
    ] = "pocket",
    corpus: Annotated[
        Path, typer.Option(help="Folder that `ninefold corpus build` wrote: the real pictures.")
    ] = Path("runs/corpus"),
    evaluator: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the evaluator.  [default: the one that comes with ninefold]",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder of the report; an earlier report there is replaced.")
    ] = DEFAULT_OUT,
    split: Annotated[
        list[str] | None,
        typer.Option(help="A split to measure; give it again for more.  [default: all]"),
    ] = None,
    prompts: Annotated[int, typer.Option(min=2, help="Prompts of each split.")] = 60,
    seed: Annotated[
        int, typer.Option(min=0, help="Chooses the prompts, and draws the first of them.")
    ] = 1,
    condition_scale: Annotated[
        float | None, typer.Option(help="Guidance.  [default: the model's preset]")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Below 1 is safer.  [default: the model's preset]")
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(help="Likeliest codes to draw from; 0 is all.  [default: the preset's]"),
    ] = None,
    sweep: Annotated[
        bool,
        typer.Option(
            "--sweep",
            help="Instead of a report, try guidance, temperature and top-k against retrieval and "
            "diversity, and plot them.",
        ),
    ] = False,
    backend: Annotated[
        str,
        typer.Option(
            help="plain draws as the specification does; auto, eager or native-… draw with the "
            "engine, which is faster."
        ),
    ] = PLAIN,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N, xpu or mps.")] = "auto",
    threads: Annotated[
        int, typer.Option(min=0, help="Threads of the processor; 0 leaves it to PyTorch.")
    ] = 0,
) -> None:
    """Measure what a model draws and write a report with pictures.

    An evaluator that was trained apart from the model judges retrieval among a hundred captions;
    diversity, copies of training pictures, reconstruction and the gain of ranking are measured
    beside it. The report's page goes to standard output.
    """
    import torch

    from ninefold.checkpoints.evaluator import packaged_evaluator
    from ninefold.evaluation.evaluate import EvaluationSettings
    from ninefold.evaluation.evaluate import evaluate as measure
    from ninefold.evaluation.judge import Judge
    from ninefold.evaluation.prompts import Corpus
    from ninefold.evaluation.report import write_report
    from ninefold.evaluation.splits import SPLITS
    from ninefold.pipeline import TextToImage

    unknown = [name for name in split or () if name not in SPLITS]
    if unknown:
        raise UserError(f"{unknown[0]!r} is no split; use {', '.join(SPLITS)}.")
    if threads:
        torch.set_num_threads(threads)
    real = Corpus(corpus)
    judge = Judge(evaluator or packaged_evaluator())
    chosen = [SPLITS[name](real, prompts, seed) for name in split or SPLITS]
    painter = TextToImage.load(model, device)
    params = _read_params(painter, seed, condition_scale, temperature, top_k)
    with ExitStack() as stack:
        draw: Draw = painter.draw
        if backend != PLAIN:
            from ninefold.evaluation.engine_draw import EngineDraw

            draw = stack.enter_context(EngineDraw(model, device, backend, threads or None)).draw
        if sweep:
            _sweep(painter, draw, judge, chosen, params, out)
        else:
            settings = EvaluationSettings(num_prompts=prompts, seed=seed)
            with progress_bar("Drawing and judging") as advance_to:
                report, pictures = measure(
                    painter, draw, judge, real, chosen, params, settings, advance_to
                )
            command = _command(model, split, prompts, seed, backend)
            write_report(report, pictures, out, command)
            typer.echo(report.to_markdown(command))
    tell(f"wrote {out}")


def _command(model: str, split: list[str] | None, prompts: int, seed: int, backend: str) -> str:
    parts = ["ninefold evaluate", f"--model {model}", *(f"--split {name}" for name in split or ())]
    parts += [f"--prompts {prompts}", f"--seed {seed}"]
    return " ".join([*parts, *([f"--backend {backend}"] if backend != PLAIN else [])])


def _read_params(
    painter: "TextToImage",
    seed: int,
    condition_scale: float | None,
    temperature: float | None,
    top_k: int | None,
) -> "SamplingParams":
    from ninefold.generation.params import SamplingParams, complete, get_preset

    asked = {"condition_scale": condition_scale, "temperature": temperature, "top_k": top_k}
    given = {name: value for name, value in asked.items() if value is not None}
    chosen = SamplingParams.from_dict({"seed": seed, **given})
    return complete(chosen, get_preset(painter.config.preset)).params


def _sweep(
    painter: "TextToImage",
    draw: "Draw",
    judge: "Judge",
    splits: "list[Split]",
    params: "SamplingParams",
    out: Path,
) -> None:
    from importlib.util import find_spec

    from ninefold.evaluation.sweep import SweepGrid, sweep, write_sweep

    if find_spec("matplotlib") is None:
        from ninefold.extras import missing

        raise missing("matplotlib")
    started = time.perf_counter()
    with progress_bar("Trying settings") as advance_to:
        points = sweep(draw, judge, splits, SweepGrid().settings(params), advance_to)
    about = {
        "model": painter.config.name,
        "model_sha256": painter.config.sha256,
        "evaluator_sha256": judge.config.sha256,
        "prompts": {split.name: len(split.cases) for split in splits},
        "seconds": round(time.perf_counter() - started, 1),
    }
    write_sweep(points, about, params, out)
    for point in points:
        typer.echo(
            f"guidance {point.condition_scale:g}  temperature {point.temperature:g}  "
            f"top-k {point.top_k}  told {point.precision:.1%}  distance {point.distance:.3f}"
        )
