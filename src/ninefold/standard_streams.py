"""Standard input, output and errors of a process that was started without some of them.

Where one is closed, Python has None in its place, `print` writes errors among the results, and the
next file that is opened gets its number: what a library writes to standard error lands in it.
"""

import os
import sys


def open_closed_streams() -> None:
    """Put the null device in the place of standard streams that are closed."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        is_free = not _is_open(number)
        if is_free:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            place = number if is_free else os.devnull
            mode = "r" if name == "stdin" else "w"
            stream = open(place, mode, encoding="utf-8", closefd=not is_free)  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
