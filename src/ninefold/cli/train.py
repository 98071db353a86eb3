"""`ninefold train`: train pocket, one of its parts or its evaluator, and pack it as a model."""

import signal
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from ninefold.cli.messages import tell
from ninefold.errors import UserError


def train(
    stage: Annotated[
        str,
        typer.Argument(
            help="tokenizer, vqgan, dallebart, vqgan-decoder, clip, export; or pocket for all "
            "of these; or evaluator."
        ),
    ],
    corpus: Annotated[Path, typer.Option(help="Folder that `ninefold corpus build` wrote.")] = Path(
        "runs/corpus"
    ),
    runs: Annotated[
        Path, typer.Option(help="Folder of saved states, logs and sample pictures.")
    ] = Path("runs/pocket"),
    out: Annotated[
        Path, typer.Option(help="Folder of the packed model, written by export.")
    ] = Path("runs/pocket/model"),
    threads: Annotated[
        int, typer.Option(min=0, help="Threads of the processor; 0 leaves it to PyTorch.")
    ] = 0,
) -> None:
    """Train pocket: all stages in order, or one; or the evaluator that judges it.

    A stage that was stopped, also by Ctrl-C or a kill, goes on from its last save with the same
    losses; a finished one does nothing.
    """
    import torch

    from ninefold.training.evaluator import EvaluatorRun
    from ninefold.training.pocket import STAGES, PocketRun

    if stage not in ("pocket", "evaluator", *STAGES):
        stages = ", ".join((*STAGES, "evaluator"))
        raise UserError(f"{stage!r} is no stage; use pocket or one of {stages}.")
    if threads:
        torch.set_num_threads(threads)
    stop = _StopOnSignal()
    if stage == "evaluator":
        tell("stage evaluator")
        folder = runs / "evaluator"
        judge = EvaluatorRun(folder, corpus, stop.is_asked, lambda row: tell(_line(row)))
        if judge.train(folder / "model") is None:
            raise typer.Abort
        tell(f"wrote {folder / 'model'}")
        return
    run = PocketRun(runs, corpus, stop.is_asked, lambda row: tell(_line(row)))
    for name in STAGES if stage == "pocket" else (stage,):
        if stop.is_asked():
            raise typer.Abort
        tell(f"stage {name}")
        if name == "export":
            config = run.export(out)
            total = sum(record.bytes for record in config.files.values())
            tell(f"wrote {out}, {total / 1e6:.1f} MB")
        else:
            getattr(run, f"train_{name.replace('-', '_')}")()
    if stop.is_asked():
        raise typer.Abort


class _StopOnSignal:
    """Turns the first Ctrl-C or SIGTERM into a save before the next step; the second one kills."""

    def __init__(self) -> None:
        self._asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def is_asked(self) -> bool:
        return self._asked

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        self._asked = True
        tell("saving before the next step; once more to stop at once")
        signal.signal(number, signal.SIG_DFL)


def _line(row: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:g}" for name, value in row.items())
