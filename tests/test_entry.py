"""Laws of the program's beginning and end: Ctrl-C gives one line and 130, at any moment."""

import subprocess
import sys

import pytest

Ended = subprocess.CompletedProcess[str]

BEGIN = """
import builtins, os, signal, sys
real = builtins.__import__

def interrupted(name, *given, **more):
    if name == MODULE:
        os.kill(os.getpid(), signal.SIGINT)
    return real(name, *given, **more)

builtins.__import__ = interrupted
from ninefold.entry import run
run()
"""
"""Runs the program, and interrupts it when a module is about to be imported."""


def begin(module: str, *arguments: str, ignored: bool = False) -> Ended:
    code = BEGIN.replace("MODULE", repr(module))
    if ignored:
        code = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{code}"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("module", ["ninefold.cli", "typer", "ninefold.cli.messages"])
def test_an_interruption_while_the_command_is_loaded_is_one_line(module: str) -> None:
    ended = begin(module, "--version")
    assert (ended.returncode, ended.stdout) == (130, "")
    assert ended.stderr == "ninefold: Stopped.\n"


def test_an_interruption_before_the_command_runs_is_one_line() -> None:
    code = "import typer.main\ndef fail(*_): raise KeyboardInterrupt\n"
    code += "import ninefold.cli\ntyper.main.get_command = fail\n"
    code += "from ninefold.entry import run\nrun()"
    command = [sys.executable, "-c", code, "--version"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (130, "ninefold: Stopped.\n")


def test_who_has_ctrl_c_ignored_is_not_stopped() -> None:
    ended = begin("ninefold.cli", "--version", ignored=True)
    assert ended.returncode == 0
    assert ended.stdout.startswith("ninefold ")


def test_the_module_is_the_program() -> None:
    command = [sys.executable, "-m", "ninefold", "--version"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
