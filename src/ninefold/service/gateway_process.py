"""The gateway as a process: uvicorn with our application, and a stop that tells streams first."""

import asyncio
import gc
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from types import FrameType

import uvicorn
from fastapi import FastAPI
from sqlalchemy import URL

from ninefold.service.app import build_app
from ninefold.service.connections import BoundedHttp, Connections, Deadlines, networks_of
from ninefold.service.descriptors import RESERVED_DESCRIPTORS, raise_descriptors
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
            self.gateway.event_streams.stop()


SWITCH_S = 0.0005
"""Seconds that a thread which computes keeps the event loop waiting; Python's own are 0.005."""


def run_gateway(settings: Settings, url: URL, secret: str, listener: socket.socket) -> None:
    """Answer requests on a listening socket until the process is told to stop."""
    sys.setswitchinterval(SWITCH_S)

    @asynccontextmanager
    async def opened() -> AsyncIterator[Gateway]:
        async with open_gateway(settings, url, secret) as gateway:
            server.gateway = gateway
            _keep_for_good()
            yield gateway

    config = server_config(build_app(settings, opened()), settings, _GRACE_S)
    server = GatewayServer(config)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[listener]))


def server_config(app: FastAPI, settings: Settings, grace_s: int) -> uvicorn.Config:
    """Return how the application is served, with what one client may hold of it."""
    max_total = min(settings.max_connections, raise_descriptors() - RESERVED_DESCRIPTORS)
    guard = Connections(
        max_total=max_total,
        # However few there may be, one network leaves room for others.
        max_per_address=min(settings.max_connections_per_address, max(1, max_total // 4)),
        deadlines=Deadlines(settings.head_timeout_s, settings.body_timeout_s),
        trusted=networks_of(settings.trusted_proxies),
    )
    return uvicorn.Config(
        app,
        http=partial(BoundedHttp, guard),  # type: ignore[arg-type]  # called as a class is
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=grace_s,
    )


def _keep_for_good() -> None:
    """Leave what is there at the start out of garbage collections, which stop all answers.

    Modules, routes and models are some 190,000 objects, and looking through them takes 0.1 s.
    """
    gc.collect()
    gc.freeze()
