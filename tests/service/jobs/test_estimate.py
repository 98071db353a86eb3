"""Laws of the estimate: work over rate, and a rate that follows what is measured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninefold.service.jobs.estimate import Capacity, RateMeter, expected_seconds


def test_work_ahead_is_shared_and_ones_own_is_not() -> None:
    assert expected_seconds(1000, 100, Capacity(2, 100.0)) == pytest.approx(10 + 2)


@pytest.mark.parametrize("capacity", [Capacity(0, 0.0), Capacity(1, 0.0)])
def test_without_a_worker_nothing_is_said(capacity: Capacity) -> None:
    assert expected_seconds(1, 1, capacity) is None


@given(st.floats(1, 1e3), st.floats(1, 1e3), st.floats(0.05, 10))
def test_a_steady_rate_is_found_whatever_was_estimated(
    estimate: float, rate: float, interval_s: float
) -> None:
    meter = RateMeter(estimate)
    for _ in range(int(300 / interval_s)):
        meter.add(rate * interval_s, interval_s)
    assert meter.codes_per_second == pytest.approx(rate, rel=0.1)


def test_an_idle_worker_keeps_its_rate() -> None:
    meter = RateMeter(50.0)
    meter.add(0, 0.0)
    assert meter.codes_per_second == pytest.approx(50.0)
