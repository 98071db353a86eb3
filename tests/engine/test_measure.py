"""What a job must cost is counted right, and a run of measurements holds together."""

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from ninefold.engine import measure
from ninefold.engine.backends import build_backend
from ninefold.engine.bench import BenchPlan, run_bench, table
from ninefold.engine.eager import EagerBackend
from ninefold.engine.fast_vqgan import speed_up
from ninefold.engine.measure import MachineSpeed, Work, decoding_work, measure_step, painting_work
from ninefold.models.dallebart import DalleBartConfig
from ninefold.models.vqgan import VQGAN, VQGANConfig
from tests.native_kinds import backends
from tests.tiny import DALLEBART, build_dallebart, build_vqgan


def test_the_work_of_decoding_mini_is_what_its_weights_say() -> None:
    config = DalleBartConfig()
    work = decoding_work(config, 16384, 9, "float32")
    weights = 12 * (6 * 1024 * 1024 + 3 * 1024 * 2730) + 16384 * 1024
    assert work.operations == {"float32": 2 * weights * 18 * 256}
    cache = 2 * 12 * 18 * 1024 * 4 * 256 * 257 / 2
    assert work.bytes_read == 256 * 4 * weights + cache


def test_in_eight_bits_the_product_with_outliers_is_of_its_own_format_where_it_has_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = DalleBartConfig()
    weights = 12 * (6 * 1024 * 1024 + 3 * 1024 * 2730) + 16384 * 1024
    monkeypatch.setattr(measure, "kind_for_outliers", lambda _: "bfloat16")
    mixed = decoding_work(config, 16384, 9, "int8").operations
    assert sum(mixed.values()) == 2 * weights * 18 * 256
    assert mixed["bfloat16"] == 2 * 12 * 2730 * 1024 * 18 * 256
    monkeypatch.setattr(measure, "kind_for_outliers", lambda _: "int8-wide")
    assert decoding_work(config, 16384, 9, "int8").operations == {"int8": 2 * weights * 18 * 256}


def test_the_work_of_painting_is_that_of_its_convolutions() -> None:
    vqgan, codes = build_vqgan(), torch.arange(16)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        vqgan.decode(codes[None])
    convolutions = counter.get_flop_counts()["Global"][torch.ops.aten.convolution]
    assert painting_work(vqgan, codes).operations == {"float32": convolutions}


@pytest.mark.native("float32")
def test_the_work_of_fast_painting_is_less_by_what_its_convolutions_save() -> None:
    vqgan = VQGAN(VQGANConfig(ch=16, ch_mult=(1, 2), norm_groups=8, resolution=8, n_embed=64))
    codes = torch.arange(16)
    plain = painting_work(vqgan, codes).operations["float32"]
    fast = painting_work(speed_up(vqgan, "float32"), codes).operations["float32"]
    assert 0.25 * plain < fast < 0.6 * plain  # the 1×1 ones stay


def test_the_bound_is_the_longer_of_computing_and_reading() -> None:
    machine = MachineSpeed(2, {"float32": 100.0, "int8": 400.0}, 50.0)
    assert Work({"float32": 200.0, "int8": 400.0}, 100.0).seconds(machine) == 3.0
    assert Work({"int8": 400.0}, 100.0).seconds(machine) == 2.0


def test_a_step_is_measured_over_the_picture() -> None:
    backend = EagerBackend(build_dallebart(), 64, 3)
    assert 0 < measure_step(backend, DALLEBART, 3) < 10


@pytest.mark.parametrize("backend", backends("eager", "native-float32", "native-int8"))
def test_a_run_measures_everything_and_fits_into_its_table(tiny_model: Path, backend: str) -> None:
    told: list[str] = []
    result = run_bench(BenchPlan(tiny_model, backend, (1, 2), (1, 2), threads=1), told.append)
    assert result["backend"] == build_backend(backend, build_dallebart(), 64, 1).name
    assert [step["images"] for step in result["steps"]] == [1, 2]
    assert [entry["prompts"] for entry in result["prompts"]] == [1, 2]
    assert 0 < result["nine_pictures"]["done_s"] < 60
    lines = table(result).splitlines()
    assert f"tiny with {backend}, 1 threads, deterministic: true" in lines
    assert all(line.count("|") == 4 for line in lines[2:])
    assert "nine pictures" in told
