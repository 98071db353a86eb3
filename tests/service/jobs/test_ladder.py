"""Laws of the ladder: what is left out comes in the stated order, and is told."""

import dataclasses

import pytest

from ninefold.generation.params import SamplingParams
from ninefold.service.jobs.ladder import Ladder

LADDER = Ladder(previews_until_s=60, six_from_s=300, four_from_s=600)
NINE = SamplingParams()


@pytest.mark.parametrize(
    ("wait_s", "steps"),
    [
        (None, []),
        (10, []),
        (61, ["no_previews"]),
        (301, ["no_previews", "six_pictures"]),
        (601, ["no_previews", "four_pictures"]),
    ],
)
def test_steps_come_in_order(wait_s: float | None, steps: list[str]) -> None:
    assert LADDER.steps(wait_s) == steps


@pytest.mark.parametrize(("wait_s", "count"), [(10, 9), (301, 6), (601, 4)])
def test_visitors_get_fewer_pictures_and_are_told(wait_s: float, count: int) -> None:
    params, notices = LADDER.reduce(NINE, wait_s, is_anonymous=True)
    assert params.count == count
    assert len(notices) == (count != 9)
    assert all(f"{count} pictures instead of 9" in notice for notice in notices)


def test_keys_small_jobs_and_seamless_ones_are_left_alone() -> None:
    for params, is_anonymous in (
        (NINE, False),
        (dataclasses.replace(NINE, count=4), True),
        (dataclasses.replace(NINE, seamless=True), True),
    ):
        assert LADDER.reduce(params, 9999, is_anonymous=is_anonymous) == (params, ())


def test_an_operator_who_does_not_allow_it_gives_all_pictures() -> None:
    ladder = Ladder(60, None, None)
    assert ladder.reduce(NINE, 9999, is_anonymous=True) == (NINE, ())
    assert Ladder(None, None, None).steps(0) == ["no_previews"]
