"""`ninefold bench`: how fast this machine draws, and how fast it could."""

import json
from typing import Annotated

import typer

from ninefold.cli.messages import tell
from ninefold.errors import UserError

_MAX_TOGETHER = 72


def bench(
    model: Annotated[str, typer.Argument(help="Name or folder of a model.")] = "pocket",
    backend: Annotated[
        str,
        typer.Option(
            help="auto, eager, native-float32, native-bfloat16 or native-int8; auto chooses."
        ),
    ] = "auto",
    images: Annotated[
        str, typer.Option(help="Pictures that step together, such as 1,9,18,72.")
    ] = "1,9,18",
    prompts: Annotated[
        str, typer.Option(help="Prompts of nine pictures that are drawn at once, such as 1,2,8.")
    ] = "1,2",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Processor threads; default: all cores.")
    ] = None,
) -> None:
    """Measure steps, painting and whole jobs, beside what the processor could do at its best.

    Prints a table, and as the last line one JSON document. Stop other work first: what runs beside
    a measurement is measured as well.
    """
    from ninefold.checkpoints.registry import find_model
    from ninefold.engine.bench import BenchPlan, run_bench, table

    plan = BenchPlan(
        find_model(model),
        backend,
        _numbers("--images", images),
        _numbers("--prompts", prompts),
        threads,
    )
    result = run_bench(plan, lambda what: tell(f"Measuring: {what} …"))
    typer.echo(table(result))
    typer.echo(json.dumps(result))


def _numbers(option: str, text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = (0,)
    if not all(1 <= number <= _MAX_TOGETHER for number in numbers):
        raise UserError(
            f"{option} {text!r} must be whole numbers from 1 to {_MAX_TOGETHER} with commas "
            "between, such as 1,9."
        )
    return numbers
