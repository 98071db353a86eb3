"""Does a request again, once, that met a database that was away for a moment.

A restart, a failover, a transaction that the server ended because this machine was busy: the
visitor need not know. Plain ASGI, so that it covers every surface. What has had an effect already
is not done again; accepting jobs has a second try of its own (`group_commit.py`).
"""

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

IS_AWAY = "ninefold.database_away"
"""Key in the ASGI scope, set where a problem says that the database is away."""

PAUSE_S = 1.0
"""Seconds before the second try."""


@dataclass
class _Attempt:
    has_effect: bool = False


_attempt: ContextVar[_Attempt | None] = ContextVar("attempt", default=None)


def note_effect() -> None:
    """Say that the request that is being answered may have had an effect."""
    attempt = _attempt.get()
    if attempt is not None:
        attempt.has_effect = True


class SecondTry:
    """Answers a request again where the first answer would be that the database is away."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        attempt = _Attempt()
        read: list[Message] = []
        first = {**scope}
        is_held_back = False

        async def receive_first() -> Message:
            message = await receive()
            read.append(message)
            return message

        async def send_first(message: Message) -> None:
            nonlocal is_held_back
            if message["type"] == "http.response.start":
                is_held_back = IS_AWAY in first and not attempt.has_effect
            if not is_held_back:
                await send(message)

        token = _attempt.set(attempt)
        try:
            await self._app(first, receive_first, send_first)
        finally:
            _attempt.reset(token)
            scope.update(first)
        if not is_held_back:
            return

        async def receive_again() -> Message:
            return read.pop(0) if read else await receive()

        await asyncio.sleep(PAUSE_S)
        scope.pop(IS_AWAY)
        await self._app(scope, receive_again, send)
