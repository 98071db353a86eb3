"""The command as a whole: exit codes, purity of standard output, and interruptions."""

import json
import os
import pty
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ninefold import __version__
from ninefold.cli import draw_run as ninefold_draw_run
from ninefold.cli import main
from ninefold.drawing import Drawing
from ninefold.errors import CheckpointError
from ninefold.pipeline import TextToImage
from tests.cli.conftest import COMMAND, RunInside, RunProcess
from tests.patience import PATIENCE_S

HEAVY = ("torch", "numpy", "PIL", "tokenizers", "safetensors", "huggingface_hub", "transformers")
ENDLESS = "a cat\n" * 500


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    # A shell starts background jobs with Ctrl-C ignored, and children inherit that.
    heed_interruption = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, "draw", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        preexec_fn=heed_interruption,
    )


def test_help_and_version_import_nothing_heavy(ninefold_process: RunProcess) -> None:
    assert ninefold_process("--version") == (0, f"ninefold {__version__}\n", "")
    code = (
        "import sys; from ninefold.cli import main; "
        "print(main(['--help']), main(['draw', '--help'])); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Any prompt, nine pictures." in done.stdout
    assert done.stdout.splitlines()[-2:] == ["0 0", "[]"]


def test_without_arguments_the_help_is_shown(ninefold: RunInside) -> None:
    result = ninefold()
    assert result.code == 0
    assert "Usage: ninefold" in result.out


def test_an_unknown_command_is_the_users_mistake(ninefold: RunInside) -> None:
    result = ninefold("drawww", "a cat")
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert "Did you mean" in result.err


def test_a_process_prints_names_alone_also_where_only_ascii_can_be_written(
    ninefold_process: RunProcess, workplace: Path
) -> None:
    result = ninefold_process(
        *("draw", "--file", "-", "--model", "tiny", "--count", "2"),
        standard_input="a cat\nقطة\n",
        environment={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )
    names = [f"{name}-{n}.png" for name in ("a-cat", "قطة") for n in (1, 2)]
    assert result.code == 0
    assert len(result.out.splitlines()) == 6
    assert result.out.splitlines()[3].startswith("pictures/\\u0642")
    assert sorted(path.name for path in workplace.rglob("*-[12].png")) == sorted(names)
    assert "seed" in result.err


def test_a_process_refuses_a_mistake_with_2_and_a_damaged_model_with_1(
    ninefold_process: RunProcess, installed: Path, workplace: Path
) -> None:
    assert ninefold_process("draw", "").code == 2
    damaged = workplace / "damaged"
    damaged.mkdir()
    for path in (installed / "models" / "tiny").iterdir():
        (damaged / path.name).write_bytes(path.read_bytes())
    weights = damaged / "dallebart.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    result = ninefold_process("draw", "a cat", "--model", "damaged", "--json")
    assert (result.code, result.out) == (1, "")
    assert result.err.count("\n") == 1
    assert not (workplace / "pictures").exists()


def test_an_error_of_ours_is_one_sentence_and_a_hint(
    ninefold: RunInside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_request: object) -> None:
        raise ZeroDivisionError("by\x1b zero")

    monkeypatch.setattr(ninefold_draw_run, "run", fail)
    result = ninefold("draw", "a cat", "--model", "tiny")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "ninefold: Something went wrong inside ninefold (ZeroDivisionError: by� zero); set "
        "NINEFOLD_DEBUG=1 and run it again to see where, and please report it.\n"
    )
    monkeypatch.setenv("NINEFOLD_DEBUG", "1")
    assert "Traceback" in ninefold("draw", "a cat", "--model", "tiny").err


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (CheckpointError("It is damaged."), 1, "ninefold: It is damaged.\n"),
        (KeyboardInterrupt(), 130, ""),
        (MemoryError(), 1, "ninefold: Something went wrong inside ninefold (MemoryError)"),
    ],
)
def test_each_kind_of_error_has_its_exit_code(
    ninefold: RunInside,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    message: str,
) -> None:
    def fail(_request: object) -> None:
        raise error

    monkeypatch.setattr(ninefold_draw_run, "run", fail)
    result = ninefold("draw", "a cat", "--model", "tiny")
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith(message)


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried …")],
)
def test_too_little_memory_is_answered_with_what_to_do(
    ninefold: RunInside, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(TextToImage, "load", fail)
    result = ninefold("draw", "a cat", "--model", "tiny")
    assert result.code == 1
    assert "not enough memory to draw this; use a smaller model" in result.err


def test_an_interruption_keeps_what_was_drawn(workplace: Path) -> None:
    (workplace / "prompts.txt").write_text(ENDLESS)
    call = ("--file", "prompts.txt", "--model", "tiny", "--count", "1")
    with start(workplace, *call) as process:
        assert process.stdout is not None
        first = process.stdout.readline().strip()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "Stopped; what was drawn before is kept" in err
    assert "Traceback" not in err
    assert (workplace / first).is_file()
    assert not list(workplace.rglob("*.part"))


def test_an_interruption_still_gives_a_whole_document(
    ninefold: RunInside, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = TextToImage.draw

    def draw_once(self: TextToImage, prompt: str, *arguments: Any, **more: Any) -> Drawing:
        if prompt == "a dog":
            raise KeyboardInterrupt
        return draw(self, prompt, *arguments, **more)

    monkeypatch.setattr(TextToImage, "draw", draw_once)
    call = ("draw", "a cat", "a dog", "--model", "tiny", "--count", "1", "--json")
    result = ninefold(*call)
    document = json.loads(result.out)
    assert result.code == 130
    assert document["complete"] is False
    assert [drawing["prompt"] for drawing in document["drawings"]] == ["a cat"]
    assert "kept, the last of it in pictures/a-cat." in result.err
    result = ninefold("draw", "a dog", "--model", "tiny", "--json")
    assert (result.code, result.out) == (130, "")
    assert "nothing was drawn yet" in result.err


def test_a_reader_that_goes_away_ends_the_run_quietly(workplace: Path) -> None:
    (workplace / "prompts.txt").write_text(ENDLESS)
    call = ("--file", "prompts.txt", "--model", "tiny", "--count", "1", "--quiet")
    with start(workplace, *call) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
    assert process.returncode == 1
    assert err == ""


def test_a_terminal_shows_progress_and_the_picture(workplace: Path) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TERM": "xterm-kitty", "COLUMNS": "100"}
    call = ("draw", "a cat", "--model", "tiny", "--count", "1", "--seed", "1")
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *call],
        cwd=workplace,
        env={
            name: value for name, value in environment.items() if name not in ("TMUX", "NO_COLOR")
        },
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        shown = b""
        while data := read_terminal(ours):
            shown += data
    os.close(ours)
    assert b"\x1b_Ga=T,f=100,q=2,c=60,m=" in shown
    assert "━".encode() in shown
    assert shown.index(b"Loading the model") < shown.index(b"\x1b_G")


def read_terminal(terminal: int) -> bytes:
    """Read what there is; nothing once the other side is closed, which Linux calls an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_main_takes_the_arguments_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["ninefold", "--version"])
    assert main() == 0
    assert capsys.readouterr().out == f"ninefold {__version__}\n"
