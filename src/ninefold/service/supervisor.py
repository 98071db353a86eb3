"""One command's worth of service: the database, a gateway and a worker, kept running.

The supervisor holds the listening socket, so that a gateway that is restarted refuses nobody, and a
pipe to each child, so that none outlives it. It imports neither torch nor a web framework.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from sqlalchemy import URL

from ninefold.errors import UserError
from ninefold.private_place import make_private
from ninefold.service.backoff import pauses
from ninefold.service.data_folder import open_data_folder
from ninefold.service.descriptors import raise_descriptors
from ninefold.service.disk import Ballast
from ninefold.service.settings import Settings
from ninefold.service.store.database import migrate, parse_database_url
from ninefold.service.store.embedded import EmbeddedPostgres

LISTENER_FD = "NINEFOLD_LISTENER_FD"
"""Environment variable: number of the listening socket that a gateway inherits."""

LIFELINE_FD = "NINEFOLD_LIFELINE_FD"
"""Environment variable: number of a pipe that closes when the supervisor is gone."""

USER_MISTAKE = 2
"""Exit code of a child that cannot do what was asked; starting it again would not help."""

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""As `metrics.FOLDER`, which must not be imported before the variable is set."""

BALLAST_BYTES = 48 * 2**20
"""Room that is kept for an embedded database on a full disk: three segments of its log."""

_BACKLOG = 2048
_LOOK_EVERY_S = 0.2
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 10.0
_WELL_AFTER_S = 30.0
_log = logging.getLogger(__name__)


@dataclass
class Child:
    """A process that is kept running."""

    role: str
    process: subprocess.Popen[bytes]
    lifeline: int
    started_at: float = field(default_factory=time.monotonic)


class Supervisor:
    """Runs the service."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        """Prepare to run.

        Args:
            settings: the service's.
            environment: what the children get; it must hold the settings.
        """
        self._settings = settings
        self._environment = dict(environment)
        self._children: dict[str, Child] = {}
        self._pauses: dict[str, Iterator[float]] = {}
        self._start_again_at: dict[str, float] = {}
        self._is_stopping = False

    def run(self, on_ready: Callable[[str], None]) -> None:
        """Serve until SIGTERM or SIGINT.

        Args:
            on_ready: called with the service's address once it is reached there.

        Raises:
            UserError: the address is taken, or a child cannot do what was asked.
            NinefoldError: the database does not start.
        """
        raise_descriptors()
        listener = open_listener(self._settings.host, self._settings.port)
        with listener:
            open_data_folder(self._settings)
            database, url = open_database(self._settings)
            try:
                migrate(url)
                self._environment["DATABASE_URL"] = url.render_as_string(hide_password=False)
                self._environment.pop("NINEFOLD_DATABASE_URL", None)
                self._environment.pop("NINEFOLD_DATABASE_URL_FILE", None)
                self._environment[METRICS_FOLDER] = str(
                    empty_folder(self._settings.data / "metrics")
                )
                self._serve(listener, database, on_ready)
            finally:
                self._stop_children()
                if database is not None:
                    database.close()

    def _serve(
        self,
        listener: socket.socket,
        database: EmbeddedPostgres | None,
        on_ready: Callable[[str], None],
    ) -> None:
        ballast = Ballast(self._settings.data / "ballast", BALLAST_BYTES)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._start("gateway", listener)
        self._start("worker", listener)
        host, port = listener.getsockname()[:2]
        on_ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")
        while not self._is_stopping:
            for child in list(self._children.values()):
                self._look_after(child)
            for role, moment in list(self._start_again_at.items()):
                if time.monotonic() >= moment:
                    del self._start_again_at[role]
                    self._start(role, listener)
            if database is not None:
                ballast.keep()
                database.revive()
            time.sleep(_LOOK_EVERY_S)

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._is_stopping = True

    def _start(self, role: str, listener: socket.socket) -> None:
        reader, writer = os.pipe()
        passed = [reader]
        environment = {**self._environment, LIFELINE_FD: str(reader)}
        if role == "gateway":
            passed.append(listener.fileno())
            environment[LISTENER_FD] = str(listener.fileno())
        process = subprocess.Popen(
            [sys.executable, "-m", "ninefold.service", role],
            env=environment,
            pass_fds=passed,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
        )
        os.close(reader)
        self._children[role] = Child(role, process, writer)

    def _look_after(self, child: Child) -> None:
        code = child.process.poll()
        if code is None:
            if time.monotonic() - child.started_at > _WELL_AFTER_S:
                self._pauses.pop(child.role, None)
            return
        os.close(child.lifeline)
        del self._children[child.role]
        if code == USER_MISTAKE:
            raise UserError(f"The {child.role} cannot run; what it said above tells why.")
        pause_s = next(
            self._pauses.setdefault(child.role, pauses(_FIRST_PAUSE_S, _LONGEST_PAUSE_S))
        )
        self._start_again_at[child.role] = time.monotonic() + pause_s
        _log.warning("the %s ended with code %d; it is started again", child.role, code)

    def _stop_children(self) -> None:
        for child in self._children.values():
            child.process.terminate()
        until = time.monotonic() + self._settings.drain_s + 15
        for child in self._children.values():
            try:
                child.process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            os.close(child.lifeline)
        self._children.clear()


def empty_folder(folder: Path) -> Path:
    """Return a folder without files, made if need be."""
    make_private(folder)
    for file in folder.iterdir():
        file.unlink()
    return folder


def open_database(settings: Settings) -> tuple[EmbeddedPostgres | None, URL]:
    """Return the database of the settings: the operator's, or the embedded one, started.

    Raises:
        UserError: the address is none of a PostgreSQL.
        NinefoldError: the embedded one does not start.
    """
    if settings.database_url is not None:
        return None, parse_database_url(settings.database_url.get_secret_value())
    embedded = EmbeddedPostgres(settings.data)
    return embedded, embedded.url


def open_listener(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        UserError: the address is taken or not this machine's.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        raise UserError(
            f"Nothing can listen on {host} port {port} ({error.strerror}); choose another with "
            "--host and --port."
        ) from None
    return listener
