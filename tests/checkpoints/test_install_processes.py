"""Installing with real processes: two at once, one that is killed, one whose disk fills up."""

import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

from tests.checkpoints.installing import BLUEPRINT, MINI, nothing_is_left, pull
from tests.checkpoints.standin_hub import Fault, StandinHub
from tests.patience import PATIENCE_S

PULL = """
import pickle, resource, sys
from pathlib import Path
from ninefold.errors import NinefoldError
from ninefold.checkpoints.hub_client import Hub
from ninefold.checkpoints.install import install_published

class Loud:
    def step(self, message):
        print(message, flush=True)
    def progress(self, label, here, total):
        pass
    def check(self, check):
        pass

spec, endpoint, home, limit = pickle.load(sys.stdin.buffer)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    print("installed", install_published(spec, Hub(endpoint, pauses=()), Loud(), home=home))
except NinefoldError as error:
    print("failed", error)
"""


def _start(standin: StandinHub, home: Path, limit: int = 0) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", PULL],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin
    with process.stdin as task:
        pickle.dump((MINI, standin.endpoint, home, limit), task)
    process.stdin = None
    return process


def _line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout
    return process.stdout.readline().decode().strip()


def _finish(process: subprocess.Popen[bytes]) -> list[str]:
    out, errors = process.communicate(timeout=PATIENCE_S)
    assert errors == b""
    return out.decode().splitlines()


def test_two_processes_at_once_do_the_work_once(standin: StandinHub, home: Path) -> None:
    gate = threading.Event()
    standin.faults["flax_model.msgpack"] = Fault(gate=gate)
    first, second = _start(standin, home), _start(standin, home)
    lines = [_line(process) for process in (first, second)]
    gate.set()
    results = [[line, *_finish(p)] for line, p in zip(lines, (first, second), strict=True)]
    worked, waited = sorted(results, key=lambda lines: lines[0].startswith("Waiting"))
    assert worked[0].startswith("Downloading tiny-mini")
    assert waited == [
        "Waiting for another process that is installing tiny-mini",
        "tiny-mini is installed already; --force replaces it",
        f"installed {home / 'models' / 'tiny-mini'}",
    ]
    assert standin.bytes_sent("pytorch_model.bin") == 0
    assert standin.bytes_sent("model.safetensors") == len(
        BLUEPRINT["tiny/clip"]["model.safetensors"]
    )


def test_a_process_that_is_killed_leaves_nothing_that_the_next_cannot_put_right(
    standin: StandinHub, home: Path
) -> None:
    standin.faults["tokenizer_config.json"] = Fault(gate=(gate := threading.Event()))
    victim = _start(standin, home)
    assert _line(victim).startswith("Downloading")
    victim.kill()
    victim.communicate()
    gate.set()
    pull(standin, home)
    assert [path.name for path in (home / "models").iterdir()] == ["tiny-mini"]


def test_a_disk_that_fills_up_while_converting_is_one_sentence(
    standin: StandinHub, home: Path
) -> None:
    # Every download passes, the largest of which has 4,315,959 bytes; the VQGAN of ours does not.
    *_, last = _finish(_start(standin, home, limit=4_316_000))
    assert last.startswith("failed The disk of ")
    assert last.endswith("and run the command again.")
    assert nothing_is_left(home)
