"""The gateway as a process: uvicorn with our application, and a stop that tells streams first."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType

import uvicorn
from sqlalchemy import URL

from ninefold.service.app import build_app
from ninefold.service.gateway import Gateway, open_gateway
from ninefold.service.settings import Settings

_GRACE_S = 10  # longer than routes/waiting.py stays for a drawing


class GatewayServer(uvicorn.Server):
    """Stops in order: not ready any more, then streams end (clients resume), then connections."""

    gateway: Gateway | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop because of a signal."""
        self.drain()
        super().handle_exit(sig, frame)

    def drain(self) -> None:
        """Accept no more jobs, and end the streams."""
        if self.gateway is not None:
            self.gateway.is_draining = True
            self.gateway.followers.stop()


def run_gateway(settings: Settings, url: URL, secret: str, listener: socket.socket) -> None:
    """Answer requests on a listening socket until the process is told to stop."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Gateway]:
        async with open_gateway(settings, url, secret) as gateway:
            server.gateway = gateway
            _keep_for_good()
            yield gateway

    config = uvicorn.Config(
        build_app(settings, opened()),
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = GatewayServer(config)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[listener]))


def _keep_for_good() -> None:
    """Leave what is there at the start out of garbage collections, which stop all answers.

    Modules, routes and models are some 190,000 objects, and looking through them takes 0.1 s.
    """
    gc.collect()
    gc.freeze()
