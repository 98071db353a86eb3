"""Pictures in a terminal that is known to show them (docs/decisions/0007-terminal-pictures.md).

The terminal is known from its environment, never asked: a question is answered on standard input,
which belongs to somebody else. Sources: the kitty graphics protocol
(sw.kovidgoyal.net/kitty/graphics-protocol) and iTerm2's inline images
(iterm2.com/documentation-images.html).
"""

import base64
import io
import shutil
from collections.abc import Iterator, Mapping
from typing import Literal, TextIO

from PIL import Image

Protocol = Literal["kitty", "iterm2", "blocks"]
"""How a picture is sent; "blocks" are half-block characters in 24-bit colour."""

MAX_COLUMNS = 60
"""Widest picture in character cells: about nine pictures on half a screen."""

_KITTY_CHUNK = 4096  # the most base64 bytes that one kitty escape sequence may carry
_KITTY_PROGRAMS = frozenset({"ghostty"})
_KITTY_TERMS = frozenset({"xterm-kitty", "xterm-ghostty"})
_ITERM2_PROGRAMS = frozenset({"iTerm.app", "WezTerm", "mintty"})


def detect_protocol(environment: Mapping[str, str], stream: TextIO) -> Protocol | None:
    """Return how the terminal behind `stream` shows pictures; None where it is not known to.

    Inside tmux and screen only half blocks are used: they pass no graphics on, though the variables
    of the terminal around them are still set.
    """
    term = environment.get("TERM", "")
    if not stream.isatty() or term in ("", "dumb") or environment.get("NO_COLOR"):
        return None
    if not (environment.get("TMUX") or term.startswith(("tmux", "screen"))):
        program = environment.get("TERM_PROGRAM", "")
        if term in _KITTY_TERMS or "KITTY_WINDOW_ID" in environment or program in _KITTY_PROGRAMS:
            return "kitty"
        if program in _ITERM2_PROGRAMS or environment.get("LC_TERMINAL") == "iTerm2":
            return "iterm2"
    return "blocks" if environment.get("COLORTERM") in ("truecolor", "24bit") else None


def show_picture(picture: Image.Image, protocol: Protocol, stream: TextIO) -> None:
    """Write `picture` to the terminal behind `stream`, on lines of its own."""
    columns = min(MAX_COLUMNS, shutil.get_terminal_size().columns)
    parts = {"kitty": _kitty, "iterm2": _iterm2, "blocks": _blocks}[protocol](picture, columns)
    for part in parts:
        stream.write(part)
    stream.write("\n")
    stream.flush()


def _kitty(picture: Image.Image, columns: int) -> Iterator[str]:
    """Transmit and display (a=T) a PNG (f=100) over `columns`, and ask for no answer (q=2)."""
    data = base64.standard_b64encode(_png(picture)).decode()
    keys = f"a=T,f=100,q=2,c={columns},"
    for start in range(0, len(data), _KITTY_CHUNK):
        more = int(start + _KITTY_CHUNK < len(data))
        yield f"\x1b_G{keys}m={more};{data[start : start + _KITTY_CHUNK]}\x1b\\"
        keys = ""


def _iterm2(picture: Image.Image, columns: int) -> Iterator[str]:
    data = _png(picture)
    keys = f"inline=1;size={len(data)};width={columns};preserveAspectRatio=1"
    yield f"\x1b]1337;File={keys}:{base64.standard_b64encode(data).decode()}\x07"


def _blocks(picture: Image.Image, columns: int) -> Iterator[str]:
    """Draw two pixels a cell: the upper half block in the foreground, the rest behind it."""
    rows = max(1, round(picture.height * columns / picture.width / 2))
    small = picture.convert("RGB").resize((columns, 2 * rows), Image.Resampling.BOX)
    pixels = small.tobytes()
    for row in range(rows):
        for column in range(columns):
            upper = 3 * (2 * row * columns + column)
            r, g, b = pixels[upper : upper + 3]
            lower = upper + 3 * columns
            r2, g2, b2 = pixels[lower : lower + 3]
            yield f"\x1b[38;2;{r};{g};{b};48;2;{r2};{g2};{b2}m▀"
        yield "\x1b[0m\n" if row + 1 < rows else "\x1b[0m"


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
