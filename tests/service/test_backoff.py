"""Laws of waiting between attempts: it doubles, and never exceeds its limit."""

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from ninefold.service.backoff import pauses


def test_pauses_double_up_to_the_longest() -> None:
    assert list(islice(pauses(0.25, 2.0), 6)) == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0]


@given(st.floats(1e-3, 10), st.floats(1e-3, 10), st.integers(1, 5000))
def test_no_pause_is_longer_than_the_longest_however_often_it_fails(
    first_s: float, longest_s: float, failures: int
) -> None:
    last = next(islice(pauses(first_s, longest_s), failures - 1, failures))
    assert 0 < last <= longest_s
