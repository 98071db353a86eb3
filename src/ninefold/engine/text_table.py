"""Which texts the backend holds, and who uses them: each is encoded once for all its pictures.

Pure Python; knows texts as keys. A text that nobody uses stays until its entry is needed, the least
recently used first, so that the empty text of guidance is encoded once a model.
"""

from collections import OrderedDict
from collections.abc import Hashable


class TextTable:
    """Entries 0 to `num_entries - 1`.

    >>> table = TextTable(2)
    >>> table.acquire("hat"), table.acquire("hat"), table.acquire("")
    ((0, True), (0, False), (1, True))
    """

    def __init__(self, num_entries: int) -> None:
        self._free = list(reversed(range(num_entries)))
        self._num_entries = num_entries
        self._entries: dict[Hashable, int] = {}
        self._users: dict[Hashable, int] = {}
        self._unused: OrderedDict[Hashable, None] = OrderedDict()

    def acquire(self, key: Hashable) -> tuple[int, bool]:
        """Return the entry of a text, and whether the text must be read into it.

        Raises:
            ValueError: every entry is in use.
        """
        if key in self._entries:
            self._users[key] += 1
            self._unused.pop(key, None)
            return self._entries[key], False
        if not self._free:
            if not self._unused:
                raise ValueError("Every entry for texts is in use.")
            oldest, _ = self._unused.popitem(last=False)
            self._free.append(self._entries.pop(oldest))
            del self._users[oldest]
        self._entries[key] = self._free.pop()
        self._users[key] = 1
        return self._entries[key], True

    def release(self, key: Hashable) -> None:
        """Give up one use of a text."""
        assert self._users[key] > 0, "a text was released more often than acquired"
        self._users[key] -= 1
        if not self._users[key]:
            self._unused[key] = None

    def forget(self, key: Hashable) -> None:
        """Drop a text that could not be read, whoever uses it."""
        self._free.append(self._entries.pop(key))
        del self._users[key]
        self._unused.pop(key, None)

    def check_integrity(self) -> None:
        """Check that every entry is free or holds one text; called in tests and when idle."""
        assert sorted([*self._free, *self._entries.values()]) == list(range(self._num_entries))
        assert {key for key, users in self._users.items() if not users} == set(self._unused)
