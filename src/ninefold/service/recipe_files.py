"""Pictures with their recipes, signed once and kept for a while.

Signing takes far longer than sending. Whoever asks reads picture and recipe from the store first,
so what was removed there is never given from here. Knows nothing of who may see a picture.
"""

import asyncio
from collections.abc import Callable

from ninefold.service.store.memory import MemoryCache

SECONDS = 300.0
MAX_BYTES = 64 * 2**20


class RecipeFiles:
    """The last files by the hash of their picture."""

    def __init__(self, max_bytes: int = MAX_BYTES, seconds: float = SECONDS) -> None:
        """Keep files of so many bytes together, for so many seconds each."""
        self._cache = MemoryCache(max_bytes, seconds)
        self._making: dict[str, asyncio.Task[bytes]] = {}

    async def get(self, digest: str, make: Callable[[], bytes]) -> bytes:
        """Return the file of a picture; `make` is called in a thread where there is none yet.

        Those who ask while it is made wait for the same.
        """
        data = self._cache.get(digest)
        if data is not None:
            return data
        making = self._making.get(digest)
        if making is None:
            making = self._making[digest] = asyncio.create_task(self._make(digest, make))
        return await asyncio.shield(making)  # whoever hangs up leaves it to the others

    def forget(self, digest: str) -> None:
        """Let go of a picture that is not there any more."""
        self._cache.drop(digest)

    async def _make(self, digest: str, make: Callable[[], bytes]) -> bytes:
        try:
            data = await asyncio.to_thread(make)
            self._cache.put(digest, data)
        finally:
            del self._making[digest]
        return data
