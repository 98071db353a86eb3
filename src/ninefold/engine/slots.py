"""The places in which pictures are drawn, given out and taken back. Pure Python.

One slot is one picture: two rows of the decoder, with and without the prompt, that step and end
together. The lowest free slot is given out first, so that the slots in use stay close together.
"""

import heapq
from collections.abc import Set as AbstractSet


class SlotPool:
    """Slots 0 to `num_slots - 1`.

    >>> pool = SlotPool(2)
    >>> pool.allocate(), pool.allocate(), pool.num_free
    (0, 1, 0)
    >>> pool.free(0)
    >>> pool.allocate()
    0
    """

    def __init__(self, num_slots: int) -> None:
        self.num_slots = num_slots
        self._free = list(range(num_slots))
        self._busy: set[int] = set()

    @property
    def num_free(self) -> int:
        """Slots that can be allocated."""
        return len(self._free)

    @property
    def busy(self) -> AbstractSet[int]:
        """Slots that are allocated."""
        return self._busy

    def allocate(self) -> int:
        """Return the lowest free slot, which is busy from now on.

        Raises:
            ValueError: none is free.
        """
        if not self._free:
            raise ValueError("No slot is free; ask num_free first.")
        slot = heapq.heappop(self._free)
        self._busy.add(slot)
        return slot

    def free(self, slot: int) -> None:
        """Take a slot back.

        Raises:
            ValueError: it is not busy.
        """
        if slot not in self._busy:
            raise ValueError(f"Slot {slot} is not busy, so it cannot be freed.")
        self._busy.remove(slot)
        heapq.heappush(self._free, slot)

    def check_integrity(self) -> None:
        """Check that every slot is either free or busy, once; called in tests and when idle."""
        assert sorted([*self._free, *self._busy]) == list(range(self.num_slots)), "slots leaked"
