"""Notices that a client disconnected, so that the work for it is cancelled.

Servers do not end a request whose client hung up: the work would go on to its end, and a client
that tries again would have it done twice. Does not know what the work is.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from fastapi import Request

_log = logging.getLogger(__name__)


class DisconnectWatch:
    """Watches a connection from now on; a context manager around the work for its client.

    `leave` is called once if the client disconnects, or if the block ends by an error or a
    cancellation; also if the block is never entered because the answer was never begun.
    """

    def __init__(
        self,
        tasks: set[asyncio.Task[None]],
        request: Request,
        leave: Callable[[], Awaitable[object]],
    ) -> None:
        """Begin to watch.

        Args:
            tasks: keeps the watch alive; whoever owns it waits for what is left at the end.
            request: the client's; its body was read.
            leave: cancels the work; there may be nothing left to cancel by then.
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
            _log.exception("the work for a client that disconnected could not be cancelled")

    async def _until_gone(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
