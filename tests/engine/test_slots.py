"""Laws of slots: each is given out once, the lowest first, and comes back."""

import pytest

from ninefold.engine.slots import SlotPool


def test_the_lowest_free_slot_is_given_out_first() -> None:
    pool = SlotPool(4)
    assert [pool.allocate() for _ in range(4)] == [0, 1, 2, 3]
    pool.free(2)
    pool.free(1)
    assert pool.num_free == 2
    assert [pool.allocate(), pool.allocate()] == [1, 2]
    pool.check_integrity()


def test_a_slot_is_not_given_out_twice_nor_taken_back_twice() -> None:
    pool = SlotPool(1)
    slot = pool.allocate()
    with pytest.raises(ValueError, match="No slot is free"):
        pool.allocate()
    pool.free(slot)
    with pytest.raises(ValueError, match="not busy"):
        pool.free(slot)
    assert pool.busy == set()
