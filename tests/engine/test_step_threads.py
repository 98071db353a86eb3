"""Threads that would wait for each other are not taken, and the pictures are the same without."""

import os
from pathlib import Path

import pytest
import torch

from ninefold.engine.step_threads import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    LOOK_EVERY_S,
    ProcessMeter,
    StepThreads,
)
from ninefold.generation.params import SamplingParams
from ninefold.pipeline import TextToImage

STEP_S = 0.04


class FakeMeter:
    """A machine with a clock: a step takes `STEP_S`, and ten times that where threads wait."""

    def __init__(self, cores: int = 2, share: float = 1.0, *, meets: bool = True) -> None:
        self.cores, self.share, self.meets = cores, share, meets
        self.now = self.spent = 0.0
        self.looks = 0

    def wall(self) -> float:
        return self.now

    def processor(self) -> float:
        return self.spent

    def num_cores(self) -> int:
        return self.cores

    def can_meet(self, number: int) -> bool:
        assert number > 1
        self.looks += 1
        self.now += 0.005
        return self.meets

    def step(self, threads: StepThreads, limit: int = 64) -> int:
        number = threads.choose(limit)
        with threads.measured():
            is_waiting = number > 1 and (not self.meets or self.share < 1)
            seconds = STEP_S * (10 if is_waiting else 1)
            self.now += seconds / self.share
            self.spent += seconds
        return number


def calm(total: int) -> StepThreads:
    """Threads of a machine that has as many cores and nobody else."""
    meter = FakeMeter(total)
    threads = StepThreads(total, meter)
    meter.step(threads)
    return threads


def test_on_a_calm_machine_all_threads_are_taken_after_one_step() -> None:
    meter = FakeMeter(4)
    threads = StepThreads(4, meter)
    assert [meter.step(threads) for _ in range(30)] == [1, *[4] * 29]
    assert meter.looks <= 1 + meter.now / LOOK_EVERY_S, "looking costs time"


def test_where_others_want_every_core_one_thread_is_taken_from_the_start() -> None:
    meter = FakeMeter(share=0.5, meets=False)
    threads = StepThreads(2, meter)
    assert {meter.step(threads) for _ in range(200)} == {1}
    assert meter.looks == 0


def test_where_one_core_is_wanted_little_is_lost_by_looking() -> None:
    meter = FakeMeter(meets=False)
    threads = StepThreads(2, meter)
    assert {meter.step(threads) for _ in range(64)} == {1}
    assert meter.now < 1.05 * 64 * STEP_S


def test_others_who_come_and_go_are_noticed() -> None:
    meter = FakeMeter()
    threads = StepThreads(2, meter)
    assert [meter.step(threads) for _ in range(3)] == [1, 2, 2]
    meter.share, meter.meets = 0.5, False
    assert [meter.step(threads) for _ in range(3)] == [2, 1, 1]
    meter.share = 1.0
    while meter.looks < 6:
        assert meter.step(threads) == 1
    start, meter.meets = meter.now, True
    while meter.step(threads) == 1:
        assert meter.now - start < LONGEST_PAUSE_S + 2 * FIRST_PAUSE_S
    assert meter.step(threads) == 2


def test_no_more_threads_are_taken_than_there_are_cores_or_painting_leaves() -> None:
    meter = FakeMeter(cores=1)
    threads = StepThreads(2, meter)
    assert {meter.step(threads) for _ in range(20)} == {1}
    meter = FakeMeter(cores=8)
    threads = StepThreads(8, meter)
    meter.step(threads)
    assert [meter.step(threads, limit) for limit in (8, 3, 1, 8)] == [8, 3, 1, 8]


def test_this_process_can_be_measured() -> None:
    meter = ProcessMeter()
    before = torch.get_num_threads()
    assert meter.num_cores() <= (os.cpu_count() or 1)
    assert isinstance(meter.can_meet(2), bool)
    assert torch.get_num_threads() == before
    wall, processor = meter.wall(), meter.processor()
    torch.ones(200, 200) @ torch.ones(200, 200)
    assert meter.wall() > wall
    assert meter.processor() >= processor


class _Alternating(FakeMeter):
    """Lets every second look fail, so that steps of one drawing have different threads."""

    def can_meet(self, number: int) -> bool:
        self.meets = not self.meets
        return super().can_meet(number)

    def wall(self) -> float:
        self.now += 1.0
        return self.now

    def processor(self) -> float:
        self.spent += 1.0
        return self.spent


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_pictures_do_not_depend_on_the_threads_of_their_steps(tiny_model: Path, dtype: str) -> None:
    params, drawings = SamplingParams(seed=3, count=2), []
    before = torch.get_num_threads()
    for threads in (1, 2, 3):
        painter = TextToImage.load(tiny_model, "cpu", dtype, threads=threads)
        meter = _Alternating(threads)
        painter._step_threads = StepThreads(threads, meter)
        drawings.append(painter.draw("a red apple", params))
        assert (meter.looks > 2) == (threads > 1)
        assert torch.get_num_threads() == before
    first, *others = drawings
    for other in others:
        for one, again in zip(first.pictures, other.pictures, strict=True):
            assert one.codes == again.codes
            assert one.image.tobytes() == again.image.tobytes()
