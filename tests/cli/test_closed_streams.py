"""A command that is started without some of its standard streams does its work all the same."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND
from tests.patience import PATIENCE_S

PROBE = """
import os, sys
from ninefold.standard_streams import open_closed_streams
open_closed_streams()
with open("file.txt", "w") as file:
    assert file.fileno() > 2, "a file took the place of a standard stream"
    os.write(2, b"from a library")
    print("a notice", file=sys.stderr, flush=True)
    print("a result", flush=True)
    assert sys.stdin.buffer.read() == b""
os.write(2, b".")
"""


def run(command: str, closed: str, folder: Path) -> tuple[int, str, str]:
    """Run Python code or `ninefold` by a shell that closes streams; returns code, out and err."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    call = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", command]
    done = subprocess.run(
        call if command == PROBE else [*call, *folder.joinpath("arguments").read_text().split()],
        cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
        encoding="utf-8", timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


CLOSED = {"<&-": 0, ">&-": 1, "2>&-": 2}


@pytest.mark.parametrize(
    "closed", [" ".join(c) for n in range(4) for c in itertools.combinations(CLOSED, n)]
)
def test_closed_streams_are_the_null_device(closed: str, tmp_path: Path) -> None:
    code, out, err = run(PROBE, closed, tmp_path)
    assert code == 0, err
    assert out == ("" if " >&-" in f" {closed}" else "a result\n")
    assert err == ("" if "2>&-" in closed else "from a librarya notice\n.")
    assert (tmp_path / "file.txt").read_text() == ""


def draw(closed: str, folder: Path, *arguments: str) -> tuple[int, str, str]:
    (folder / "arguments").write_text(" ".join(["draw", "--model", "tiny", *arguments]))
    return run(COMMAND, closed, folder)


def test_without_standard_error_the_document_is_alone(workplace: Path) -> None:
    code, out, _ = draw("2>&-", workplace, "apple", "--count", "1", "--json")
    assert code == 0
    assert len(json.loads(out)["drawings"]) == 1


def test_without_standard_output_the_pictures_are_drawn(workplace: Path) -> None:
    code, _, err = draw(">&-", workplace, "apple", "--count", "1")
    assert (code, "Error" in err) == (0, False), err
    assert list(workplace.glob("pictures/apple/*.png"))


def test_without_standard_input_there_is_no_prompt(workplace: Path) -> None:
    code, _, err = draw("<&-", workplace, "--file", "-")
    assert code == 2
    assert "There is no prompt in standard input" in err


def test_a_reader_of_notices_that_is_gone_stops_nothing(workplace: Path) -> None:
    code, out, _ = draw("2>/dev/full", workplace, "apple", "--count", "1", "--json")
    assert code == 0
    assert len(json.loads(out)["drawings"]) == 1
