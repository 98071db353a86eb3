"""Notices that a client has gone while something is done for it, so that it is done no longer.

Servers do not end a request whose client hung up: it would be worked for to the end, and a client
that tries again would be worked for twice. Knows nothing of what is done.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from fastapi import Request

_log = logging.getLogger(__name__)


class Attendance:
    """Watches a connection from now on; a context manager around what is done for its client.

    Where the client goes, or the block ends by an error or a cancellation, `leave` is called, once.
    Where nobody comes to enter the block, because the answer was never begun, it is called as well.
    """

    def __init__(
        self,
        tasks: set[asyncio.Task[None]],
        request: Request,
        leave: Callable[[], Awaitable[object]],
    ) -> None:
        """Watch for a client.

        Args:
            tasks: keeps the watch alive; whoever owns it waits for what is left at the end.
            request: the client's; its body was read.
            leave: undoes what is done for the client; it may be needless by then.
        """
        self._request, self._leave = request, leave
        self._has_failed = asyncio.Event()
        self._task = asyncio.create_task(self._watch())
        tasks.add(self._task)
        self._task.add_done_callback(tasks.discard)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._task.cancel()
        else:  # the watch leaves: this task may be cancelled again wherever it waits
            self._has_failed.set()

    async def _watch(self) -> None:
        gone = asyncio.create_task(self._until_gone())
        failed = asyncio.create_task(self._has_failed.wait())
        try:
            await asyncio.wait({gone, failed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            failed.cancel()
        try:
            await self._leave()
        except Exception:
            _log.exception("what was done for a client that has gone could not be ended")

    async def _until_gone(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
