"""Runs a PostgreSQL as its child and stops it when whoever started this is gone, however it went.

A program of its own, of the standard library alone, so that no kill of the service leaves a server
behind. Since the server is its child, what it signals can be no other process.

Usage: `postgres_keeper.py UID GID SOCKETS PROGRAM [ARGUMENT ...]`; standard input is a pipe whose
other end the starter holds. The server runs in the working folder, as that user unless UID is -1.
SOCKETS is a folder to remove once the server has left it empty, or nothing.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any


def main(arguments: list[str]) -> int:
    """Run the server until it ends, and return its exit code."""
    uid, gid, sockets, *command = arguments
    as_user: dict[str, Any] = (
        {} if uid == "-1" else {"user": int(uid), "group": int(gid), "extra_groups": []}
    )
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, **as_user)

    def stop(_signal: int | None = None, _frame: FrameType | None = None) -> None:
        server.send_signal(signal.SIGINT)  # fast: connections end, nothing committed is lost

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)

    def wait_for_end_of_input() -> None:
        while os.read(0, 1024):
            pass
        stop()

    threading.Thread(target=wait_for_end_of_input, daemon=True).start()
    code = server.wait()
    if sockets:
        with suppress(OSError):  # a server that was killed left its socket, and starts there again
            Path(sockets).rmdir()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
