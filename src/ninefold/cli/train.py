"""`ninefold train`: train pocket, one of its parts or its evaluator, and pack it as a model."""

import signal
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from ninefold.cli.messages import tell
from ninefold.errors import UserError

if TYPE_CHECKING:
    from ninefold.checkpoints.model_folder import ModelConfig
    from ninefold.training.pocket import PocketRun
    from ninefold.training.teaching import Taught


APART = ("evaluator", "finetune")
"""Trainings that are no stage of pocket."""

_CORPUS = Path("runs/corpus")


def train(
    stage: Annotated[
        str,
        typer.Argument(
            help="tokenizer, vqgan, codes, dallebart, vqgan-decoder, clip, export; or pocket for "
            "all of these; or evaluator; or finetune."
        ),
    ],
    corpus: Annotated[
        Path | None,
        typer.Option(
            help="Folder that `ninefold corpus build` wrote.  [default: runs/corpus; for finetune "
            "runs/own-corpus]",
            show_default=False,
        ),
    ] = None,
    runs: Annotated[
        Path, typer.Option(help="Folder of saved states, logs and sample pictures.")
    ] = Path("runs/pocket"),
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the packed model, written by export, evaluator and finetune.  "
            "[default: model, evaluator/model or finetune/model below --runs]",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Name or folder of the model that finetune teaches, or whose networks stand for "
            "the stages of pocket that were not run here.  [default: for finetune pocket]",
            show_default=False,
        ),
    ] = None,
    scenes: Annotated[
        int,
        typer.Option(
            min=0, help="Composed scenes that pocket learns beside the corpus's pictures."
        ),
    ] = 16_000,
    steps: Annotated[
        int,
        typer.Option(min=1, help="Steps of finetune; a model with a table of things needs none."),
    ] = 1000,
    threads: Annotated[
        int, typer.Option(min=0, help="Threads of the processor; 0 leaves it to PyTorch.")
    ] = 0,
) -> None:
    """Train pocket: all stages in order, or one; the evaluator; or a model on your own pictures.

    A stage that was stopped, also by Ctrl-C or a kill, goes on from its last save with the same
    losses; a finished one does nothing.
    """
    import torch

    from ninefold.checkpoints.registry import find_model
    from ninefold.training.pocket import STAGES, PocketRun

    if stage not in ("pocket", *APART, *STAGES):
        raise UserError(
            f"{stage!r} is no stage; use pocket or one of {', '.join((*STAGES, *APART))}."
        )
    if threads:
        torch.set_num_threads(threads)
    stop = _StopOnSignal()
    if stage == "evaluator":
        folder = out or runs / "evaluator" / "model"
        _train_evaluator(corpus or _CORPUS, runs / "evaluator", folder, stop)
    elif stage == "finetune":
        folder = out or runs / "finetune" / "model"
        _finetune(
            corpus or Path("runs/own-corpus"),
            runs / "finetune",
            find_model(model or "pocket"),
            steps,
            folder,
            stop,
        )
    else:
        stages = STAGES if stage == "pocket" else (stage,)
        first = None if model is None else find_model(model)
        run = PocketRun(runs, corpus or _CORPUS, stop.is_asked, _tell_row, scenes, first)
        _train_pocket(run, stages, out or runs / "model", stop)


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


def _train_pocket(run: "PocketRun", stages: Sequence[str], out: Path, stop: _StopOnSignal) -> None:
    for name in stages:
        if stop.is_asked():
            raise typer.Abort
        tell(f"stage {name}")
        if name == "export":
            _tell_model(out, run.export(out))
        else:
            run.train(name)
    if stop.is_asked():
        raise typer.Abort


def _train_evaluator(corpus: Path, root: Path, out: Path, stop: _StopOnSignal) -> None:
    from ninefold.training.evaluator_run import EvaluatorRun

    tell("stage evaluator")
    if EvaluatorRun(root, corpus, stop.is_asked, _tell_row).train(out) is None:
        raise typer.Abort
    tell(f"wrote {out}")


def _finetune(
    corpus: Path, root: Path, model: Path, steps: int, out: Path, stop: _StopOnSignal
) -> None:
    from ninefold.training.finetune_run import FinetuneRun, require_corpus
    from ninefold.training.teaching import teach_things

    require_corpus(corpus)
    tell(f"teaching {model.name}")
    taught = teach_things(corpus, model, out)
    if taught is not None:
        _tell_taught(taught)
        _tell_model(out, taught.config)
        return
    run = FinetuneRun(root, corpus, model, steps, stop.is_asked, _tell_row)
    config = run.train(out)
    if config is None:
        raise typer.Abort
    _tell_model(out, config)


def _tell_taught(taught: "Taught") -> None:
    for thing in taught.things:
        called = " or ".join(f"\u201c{phrase}\u201d" for phrase in thing.phrases)
        tell(f"draws {', '.join(taught.names[n] for n in thing.pictures)} for {called}")
        for number in thing.spare:
            tell(
                f"left out {taught.names[number]}: a thing has {len(thing.pictures)} pictures at "
                "most, the first ones"
            )
        if thing.likeness:
            tell(f"ranks pictures of \u201c{thing.label}\u201d as those of {thing.likeness}")
    for number in taught.nameless:
        tell(
            f"left out {taught.names[number]}: its captions have no word that is new to the model, "
            "and none has four words or fewer"
        )
    for phrase in taught.renamed:
        tell(f"\u201c{phrase}\u201d named something else before")


def _tell_model(folder: Path, config: "ModelConfig") -> None:
    total = sum(record.bytes for record in config.files.values())
    tell(f"wrote {folder}, {total / 1e6:.1f} MB")


def _tell_row(row: dict[str, float]) -> None:
    tell(_line(row))


def _line(row: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:g}" for name, value in row.items())
