"""A bar is for terminals, says what is drawn, and is gone when it ends."""

import io

import pytest

from ninefold.cli.progress import progress_bar


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def open_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return stream


def test_a_bar_shows_the_prompt_and_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = open_terminal(monkeypatch)
    with progress_bar("a [bold]red[/bold] apple :apple:\x1b[2J") as advance_to:
        advance_to(64, 256)
        advance_to(256, 256)
    shown = terminal.getvalue()
    assert "a [bold]red[/bold] apple :apple:�[2J" in shown
    assert "100%" in shown
    assert shown.endswith(("\x1b[2K", "\x1b[?25h"))


def test_a_hidden_bar_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = open_terminal(monkeypatch)
    with progress_bar("a red apple", is_hidden=True) as advance_to:
        advance_to(1, 2)
    assert terminal.getvalue() == ""


def test_without_a_terminal_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("a red apple") as advance_to:
        advance_to(1, 2)
    assert capsys.readouterr() == ("", "")
