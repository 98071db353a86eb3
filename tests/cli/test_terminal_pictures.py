"""Pictures are sent to terminals that show them, in their own protocol, and to no others."""

import base64
import io
import re

import pytest
from PIL import Image

from ninefold.cli.terminal_pictures import Protocol, detect_protocol, show_picture

PICTURE = Image.effect_noise((40, 40), 80).convert("RGB")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "protocol"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, "iterm2"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "blocks"),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1", "COLORTERM": "truecolor"}, "blocks"),
        ({"TERM": "xterm-kitty", "TMUX": "/run/tmux"}, None),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "linux"}, None),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, None),
        ({"TERM": "xterm-kitty", "NO_COLOR": "1"}, None),
        ({}, None),
    ],
)
def test_the_protocol_follows_from_the_environment(
    environment: dict[str, str], protocol: Protocol | None
) -> None:
    assert detect_protocol(environment, Terminal()) == protocol


def test_nothing_is_shown_where_output_is_no_terminal() -> None:
    assert detect_protocol({"TERM": "xterm-kitty"}, io.StringIO()) is None


def test_kitty_gets_the_whole_png_in_chunks_of_4096_bytes() -> None:
    stream = Terminal()
    show_picture(PICTURE, "kitty", stream)
    parts = re.findall(r"\x1b_G([^;]*);([A-Za-z0-9+/=]*)\x1b\\", stream.getvalue())
    assert parts[0][0] == "a=T,f=100,q=2,c=60,m=1"
    assert [keys for keys, _ in parts[1:]] == ["m=1"] * (len(parts) - 2) + ["m=0"]
    assert max(len(data) for _, data in parts) == 4096
    check_png("".join(data for _, data in parts))


def test_iterm2_gets_the_whole_png_with_its_size() -> None:
    stream = Terminal()
    show_picture(PICTURE, "iterm2", stream)
    match = re.fullmatch(r"\x1b\]1337;File=([^:]*):([A-Za-z0-9+/=]*)\x07\n", stream.getvalue())
    assert match is not None
    size = len(base64.b64decode(match[2]))
    assert match[1] == f"inline=1;size={size};width=60;preserveAspectRatio=1"
    check_png(match[2])


def test_half_blocks_hold_two_pixels_a_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "2")
    picture = Image.new("RGB", (2, 4), (1, 2, 3))
    picture.putpixel((1, 3), (9, 8, 7))
    stream = Terminal()
    show_picture(picture, "blocks", stream)
    plain = "\x1b[38;2;1;2;3;48;2;1;2;3m▀"
    last = "\x1b[38;2;1;2;3;48;2;9;8;7m▀"
    assert stream.getvalue() == f"{plain}{plain}\x1b[0m\n{plain}{last}\x1b[0m\n"


def check_png(data: str) -> None:
    with Image.open(io.BytesIO(base64.b64decode(data))) as shown:
        assert shown.tobytes() == PICTURE.tobytes()
