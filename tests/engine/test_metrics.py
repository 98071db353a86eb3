"""Rates are known for many pictures while few are drawn, and follow what is measured."""

import pytest

from ninefold.engine.metrics import StepClock


def test_before_any_step_the_two_measured_points_hold() -> None:
    clock = StepClock(0.010, 0.020, 11)
    assert clock.seconds(1) == pytest.approx(0.010)
    assert clock.codes_per_second(11) == pytest.approx(550)
    assert clock.codes_per_second(400) == clock.codes_per_second(11)
    assert clock.codes_per_second(0) == clock.codes_per_second(1)


def test_measured_steps_move_all_rates() -> None:
    clock = StepClock(0.010, 0.020, 11)
    for _ in range(300):
        clock.count(1, 0.030)
    assert clock.codes_per_second(11) == pytest.approx(550 / 3, rel=1e-3)
