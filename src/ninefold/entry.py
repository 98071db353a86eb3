"""Where the `ninefold` program begins: before anything is imported that takes time.

Ctrl-C ends the program with one line at any moment, also while the command itself is loaded.
"""

import os
import signal
import sys
from contextlib import suppress
from types import FrameType

from ninefold.standard_streams import open_closed_streams


def run() -> None:
    """Run the command line and leave with its exit code."""
    open_closed_streams()
    is_watched = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_watched:  # else whoever started us has it ignored, as `nohup` and `&` do
        signal.signal(signal.SIGINT, _stop)
    from ninefold.cli import main

    if is_watched:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code = main()
    if is_watched:  # while the interpreter ends nothing is left to be cleaned up
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(code)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    # An exception would end in a traceback of whatever is being imported.
    with suppress(OSError):
        os.write(2, b"ninefold: Stopped.\n")
    os._exit(130)
