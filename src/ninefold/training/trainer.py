"""The training loop, the same for VQGAN, CLIP and DalleBart.

Order of a resume: build model and optimizers, restore model, optimizers, average and step; the next
batch follows from the step. Knows nothing of networks or data beyond the `Task` protocol.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ninefold.training.autocast import autocast
from ninefold.training.config import TrainConfig
from ninefold.training.inputs import Inputs
from ninefold.training.optimizer import build_optimizers, update_average
from ninefold.training.run_log import RunLog
from ninefold.training.schedule import learning_rate, rate_fraction
from ninefold.training.speed import product_speed
from ninefold.training.state import NO_INPUTS, TrainState, load_state, save_state
from ninefold.training.task import Task


def train(
    task: Task,
    config: TrainConfig,
    folder: Path,
    should_stop: Callable[[], bool] = lambda: False,
    on_log: Callable[[dict[str, float]], None] = lambda _row: None,
    inputs: Inputs = NO_INPUTS,
) -> dict[str, Tensor]:
    """Run a task to its last step, or go on from where `folder` says it was.

    Args:
        task: what to train.
        config: how.
        folder: receives `state.pt`, `log.jsonl` (a row every `log_every` steps), the same for
            TensorBoard and, with every save, `sample.png` and `curves.png`.
        should_stop: asked before every step; the state is saved when it says so.
        on_log: called with every row of the log.
        inputs: hashes of all that the task reads (`training.inputs`), kept in the state; a run goes
            on with the same alone.

    Returns:
        The averaged weights.

    Raises:
        UserError: `folder` holds a run made from other inputs.
        CheckpointError: `folder` holds a damaged run, or one with other settings.
    """
    model = task.model
    optimizers = build_optimizers(model, config)
    average = {name: value.detach().clone() for name, value in model.state_dict().items()}
    state = TrainState(model, optimizers, average)
    settings = {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(config).items()}
    # A longer log interval or another number format on another machine is still the same run.
    saved_settings = {k: v for k, v in settings.items() if k not in ("log_every", "save_every")}
    load_state(state, folder, saved_settings, inputs)
    folder.mkdir(parents=True, exist_ok=True)
    if state.step >= config.num_steps:
        return state.average
    meter: _Meter | None = None
    with RunLog(folder, state.step) as log:
        while state.step < config.num_steps:
            if should_stop():
                _save(state, task, log, saved_settings, inputs)
                break
            if meter is None:
                metrics, meter = _first_step(state, task, config)
            else:
                metrics = _step(state, task, config)
            meter.add(metrics)
            if state.step % config.log_every == 0:
                row = meter.row(state.step, config)
                log.add(row)
                on_log(row)
            if state.step % config.save_every == 0 or state.step == config.num_steps:
                _save(state, task, log, saved_settings, inputs)
    return state.average


def _first_step(
    state: TrainState, task: Task, config: TrainConfig
) -> tuple[dict[str, float], "_Meter"]:
    """Take a step and count its operations; those after it have as many, near enough."""
    meter = _Meter(state.step, product_speed(config.autocast))
    with FlopCounterMode(display=False) as counter:
        metrics = _step(state, task, config)
    meter.flops = counter.get_total_flops()
    return metrics, meter


def _step(state: TrainState, task: Task, config: TrainConfig) -> dict[str, float]:
    fraction = rate_fraction(state.step, config)
    for optimizer in state.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak_lr"] * fraction
    state.model.train()
    with autocast(config.autocast):
        loss, metrics = task.loss(state.step, config.batch_size)
    torch.autograd.backward(loss)
    norm = torch.nn.utils.clip_grad_norm_(state.model.parameters(), config.max_grad_norm)
    for optimizer in state.optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    task.after_step(state.step)
    update_average(state.average, state.model, config.ema_decay, state.step)
    state.step += 1
    return {"loss": float(loss.detach()), "grad_norm": float(norm), **metrics}


def _save(
    state: TrainState, task: Task, log: RunLog, settings: dict[str, object], inputs: Inputs
) -> None:
    save_state(state, log.folder, settings, inputs)
    log.draw()
    picture = task.sample(state.average)
    if picture is not None:
        partial = log.folder / "sample.partial.png"
        picture.save(partial)
        partial.replace(log.folder / "sample.png")


class _Meter:
    """Means of the metrics between two rows of the log, and the speed."""

    def __init__(self, step: int, product: float) -> None:
        self.product = product
        self.flops = 0
        self._start(step)

    def _start(self, step: int) -> None:
        self.sums: dict[str, float] = {}
        self.first_step = step
        self.started = time.perf_counter()

    def add(self, metrics: dict[str, float]) -> None:
        for name, value in metrics.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def row(self, step: int, config: TrainConfig) -> dict[str, float]:
        count = max(1, step - self.first_step)
        seconds = time.perf_counter() - self.started
        speed = count * self.flops / seconds
        row: dict[str, float] = {"step": step}
        row.update({name: round(total / count, 5) for name, total in self.sums.items()})
        row["learning_rate"] = learning_rate(step - 1, config)
        row["samples_per_second"] = round(count * config.batch_size / seconds, 2)
        row["gflops"] = float(f"{speed / 1e9:.3g}")
        row["of_product"] = float(f"{speed / self.product:.3g}")
        self._start(step)
        return row
