"""One answer for many: a page that everybody opens at once is made once in two seconds.

Only for readers who carry nothing of their own (no cookie, no key), for whom a page is the same but
for language and packing. Who asks while it is made waits for it: a page whose two seconds are over
would otherwise be made for all who read it at that moment. Plain ASGI; knows nothing of what the
pages are.
"""

import asyncio
import time
from collections import OrderedDict
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS = 2.0
"""How long an answer is given again; a page that is removed is gone everywhere after this."""

MAX_ANSWERS = 512
MAX_BYTES = 256 * 1024
"""Largest answer that is kept."""

_OWN = frozenset({b"cookie", b"authorization", b"range", b"if-none-match"})
_VARIED = (
    b"host",
    b"accept",
    b"accept-encoding",
    b"accept-language",
    b"x-forwarded-proto",
    b"origin",  # an answer to another site's page names that site as the one that may read it
)

_Key = tuple[bytes, ...]


class SharedAnswers:
    """Keeps answers to GETs below some paths for a moment."""

    def __init__(self, app: ASGIApp, paths: tuple[str, ...], seconds: float = SECONDS) -> None:
        self._app, self._paths, self._seconds = app, paths, seconds
        self._answers: OrderedDict[_Key, tuple[float, list[Message]]] = OrderedDict()
        self._making: dict[_Key, asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        key = self._key(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        kept = self._fresh(key)
        if kept is None and key in self._making:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._making[key].wait(), self._seconds)
            kept = self._fresh(key)
        if kept is not None:
            for message in kept:
                await send(_copy(message))
        elif key in self._making:
            await self._app(scope, receive, send)  # it is slow, or none to be kept
        else:
            await self._make(key, scope, receive, send)

    async def _make(self, key: _Key, scope: Scope, receive: Receive, send: Send) -> None:
        messages: list[Message] = []
        made = self._making[key] = asyncio.Event()

        async def send_and_keep(message: Message) -> None:
            messages.append(_copy(message))
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                self._keep(key, messages)
                made.set()  # before it is sent: this reader may be slow
            await send(message)

        try:
            await self._app(scope, receive, send_and_keep)
        finally:
            del self._making[key]
            made.set()

    def _fresh(self, key: _Key) -> list[Message] | None:
        kept = self._answers.get(key)
        if kept is None or time.monotonic() - kept[0] > self._seconds:
            return None
        return kept[1]

    def _key(self, scope: Scope) -> _Key | None:
        """Return what the answer depends on; None where it is somebody's own."""
        if scope["type"] != "http" or scope["method"] != "GET":
            return None
        if not scope["path"].startswith(self._paths):
            return None
        headers = dict(scope["headers"])
        if not _OWN.isdisjoint(headers):
            return None
        varied = (headers.get(name, b"") for name in _VARIED)
        return (scope["scheme"].encode(), scope["path"].encode(), scope["query_string"], *varied)

    def _keep(self, key: _Key, messages: list[Message]) -> None:
        if not messages or messages[0].get("status") != 200:
            return
        if any(name.lower() == b"set-cookie" for name, _ in messages[0]["headers"]):
            return
        if sum(len(message.get("body", b"")) for message in messages) > MAX_BYTES:
            return
        self._answers.pop(key, None)
        self._answers[key] = (time.monotonic(), messages)
        while len(self._answers) > MAX_ANSWERS:
            self._answers.popitem(last=False)


def _copy(message: Message) -> Message:
    """Return a message whose list of headers may grow: middleware outside adds its own to it."""
    return {**message, "headers": list(message.get("headers", ()))}
