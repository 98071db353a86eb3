"""One process of the service, as the supervisor starts it: `python -m ninefold.service ROLE`.

A gateway gets its listening socket from the supervisor. The process ends when the supervisor does.
"""

import os
import signal
import socket
import sys
import threading
from contextlib import suppress

from ninefold.errors import NinefoldError, UserError
from ninefold.service.logs import configure_logs, log_uncaught_errors
from ninefold.service.secret import load_secret
from ninefold.service.settings import Settings, read_settings
from ninefold.service.store.database import parse_database_url
from ninefold.service.supervisor import LIFELINE_FD, LISTENER_FD, USER_MISTAKE, open_listener
from ninefold.service.tracing import configure_tracing
from ninefold.standard_streams import open_closed_streams


def main(role: str) -> int:
    """Run a role until told to stop, and return the exit code."""
    open_closed_streams()
    try:
        settings = read_settings()
        configure_logs(settings, role)
        log_uncaught_errors()
        configure_tracing(settings, role)
        _watch_lifeline()
        run_role(role, settings)
    except UserError as error:
        return _fail(error, USER_MISTAKE)
    except NinefoldError as error:
        return _fail(error, 1)
    return 0


def run_role(role: str, settings: Settings) -> None:
    """Run a gateway or a worker on the database of the settings.

    Raises:
        UserError: a setting is missing or names something that is not there.
        NinefoldError: the model or the database cannot be used.
    """
    if settings.database_url is None:
        raise UserError("A gateway or a worker alone needs DATABASE_URL.")
    url = parse_database_url(settings.database_url.get_secret_value())
    if role == "gateway":
        from ninefold.service.gateway_process import run_gateway

        number = os.environ.get(LISTENER_FD)
        listener = (
            socket.socket(fileno=int(number))
            if number
            else open_listener(settings.host, settings.port)
        )
        run_gateway(settings, url, load_secret(settings), listener)
    else:
        from ninefold.service.worker_process import run_worker

        run_worker(settings, url)


def _watch_lifeline() -> None:
    number = os.environ.get(LIFELINE_FD)
    if number is None:
        return

    def wait() -> None:
        with suppress(OSError):
            os.read(int(number), 1)  # returns when the other end is closed
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _fail(error: Exception, code: int) -> int:
    sys.stderr.write(f"ninefold: {error}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
