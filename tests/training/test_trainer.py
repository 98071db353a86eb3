"""A run that is stopped and resumed is the run that was never stopped."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from ninefold.errors import CheckpointError
from ninefold.training.config import TrainConfig
from ninefold.training.run_log import read_rows
from ninefold.training.trainer import train

CONFIG = TrainConfig(
    num_steps=12,
    batch_size=4,
    learning_rate=1e-2,
    warmup_steps=3,
    log_every=1,
    save_every=4,
    ema_decay=0.9,
    autocast="float32",
)


class LineTask:
    """Fits a line; the data of a step is a function of the step."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(2, 8), nn.GELU(), nn.Linear(8, 1))
        self.steps_seen: list[int] = []

    def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
        self.steps_seen.append(step)
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(batch_size, 2, generator=generator)
        return (self.model(x)[:, 0] - x.sum(1)).square().mean(), {"batch": float(batch_size)}

    def after_step(self, step: int) -> None:
        pass

    def sample(self, average: dict[str, Tensor]) -> Image.Image:
        return Image.new("RGB", (4, len(average)))


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("muon", [None, 0.02])
def test_a_stopped_run_goes_on_with_the_same_losses_and_weights(
    tmp_path: Path, muon: float | None
) -> None:
    config = replace(CONFIG, muon_learning_rate=muon)
    whole = train(LineTask(), config, tmp_path / "whole")

    first = LineTask()
    train(first, config, tmp_path / "parts", should_stop=lambda: len(first.steps_seen) == 5)
    second = LineTask()
    resumed = train(second, config, tmp_path / "parts")

    assert second.steps_seen == list(range(5, 12))
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


def test_a_killed_run_goes_on_from_its_last_save(tmp_path: Path) -> None:
    class KilledError(Exception):
        pass

    class KilledTask(LineTask):
        def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
            if step == 7:
                raise KilledError
            return super().loss(step, batch_size)

    whole = train(LineTask(), CONFIG, tmp_path / "whole")
    with pytest.raises(KilledError):
        train(KilledTask(), CONFIG, tmp_path / "parts")
    second = LineTask()
    resumed = train(second, CONFIG, tmp_path / "parts")
    assert second.steps_seen == list(range(4, 12))
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


def test_a_finished_run_does_nothing(tmp_path: Path) -> None:
    done = train(LineTask(), CONFIG, tmp_path)
    again = LineTask()
    average = train(again, CONFIG, tmp_path)
    assert again.steps_seen == []
    assert all(torch.equal(average[name], done[name]) for name in done)


def test_training_lowers_the_loss_and_leaves_a_picture(tmp_path: Path) -> None:
    train(LineTask(), replace(CONFIG, num_steps=60), tmp_path)
    assert losses(tmp_path)[-1] < losses(tmp_path)[0] / 2
    with Image.open(tmp_path / "sample.png") as sample:
        assert sample.size == (4, 4)  # weights and biases of two layers


def test_other_settings_do_not_go_on_with_a_run(tmp_path: Path) -> None:
    train(LineTask(), CONFIG, tmp_path)
    with pytest.raises(CheckpointError, match=r"other settings \(learning_rate\)"):
        train(LineTask(), replace(CONFIG, learning_rate=1e-3), tmp_path)


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    train(LineTask(), CONFIG, tmp_path)
    state = tmp_path / "state.pt"
    state.write_bytes(state.read_bytes()[:200])
    with pytest.raises(CheckpointError, match="damaged; remove it"):
        train(LineTask(), CONFIG, tmp_path)


def test_bfloat16_autocast_trains(tmp_path: Path) -> None:
    config = replace(CONFIG, num_steps=2, autocast="bfloat16")
    average = train(LineTask(), config, tmp_path)
    assert all(value.dtype == torch.float32 for value in average.values())


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("num_steps", 0, "num_steps must be at least 1"),
        ("learning_rate", 0.0, "learning_rate must be above 0"),
        ("ema_decay", 1.0, "ema_decay must be in"),
        ("autocast", "float8", "autocast must be"),
    ],
)
def test_impossible_settings_are_refused(option: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(CONFIG, **{option: value})  # type: ignore[arg-type]  # fields of many types


def test_a_row_tells_the_speed_against_a_matrix_product(tmp_path: Path) -> None:
    rows: list[dict[str, float]] = []
    train(LineTask(), CONFIG, tmp_path, on_log=rows.append)
    assert all(0 < row["of_product"] < 1 for row in rows)


def test_curves_and_tensorboard_are_written(tmp_path: Path) -> None:
    train(LineTask(), CONFIG, tmp_path)
    with Image.open(tmp_path / "curves.png") as curves:
        assert curves.width > 600
    (events,) = (tmp_path / "tensorboard").iterdir()
    assert b"of_product" in events.read_bytes()


def test_rows_that_a_kill_undid_are_not_drawn(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text("".join(f'{{"step": {s}, "loss": {v}}}\n' for s, v in [(1, 9), (2, 9), (2, 1)]))
    rows = read_rows(log)
    assert rows == [{"step": 1, "loss": 9}, {"step": 2, "loss": 1}]
