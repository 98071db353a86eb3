"""What would make a machine faster follows from what it is."""

import dataclasses

import pytest

from ninefold.engine import explain
from ninefold.engine.explain import MachineReport, advise, look_at_machine
from ninefold.engine.native.library import LIMIT_VARIABLE
from tests.tiny import DALLEBART

GOOD = MachineReport(
    backend="native-int8",
    reason="",
    processor="a processor",
    instructions=("avx2",),
    threads=4,
    cores=4,
    load=0.3,
    compiler="/usr/bin/g++",
    device="cpu",
    has_unused_gpu=False,
    memory_bytes=8 << 30,
    available_bytes=4 << 30,
)
EAGER = dataclasses.replace(GOOD, backend="eager")


@pytest.fixture(autouse=True)
def linux_without_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LIMIT_VARIABLE, raising=False)
    monkeypatch.setattr(explain, "processor_flags", lambda: frozenset({"avx2"}))


def test_a_machine_that_lacks_nothing_gets_no_advice() -> None:
    assert advise(GOOD) == []


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (dataclasses.replace(EAGER, compiler=None), "Install a C++ compiler"),
        (dataclasses.replace(GOOD, has_unused_gpu=True), "There is a GPU"),
        (dataclasses.replace(GOOD, backend="native-bfloat16"), "Eight bits are faster"),
        (dataclasses.replace(GOOD, threads=1), "1 of 4 cores are used"),
        (dataclasses.replace(GOOD, load=3.5), "load 3.5 on 4 cores"),
    ],
)
def test_what_is_missing_is_advised_and_nothing_else(machine: MachineReport, said: str) -> None:
    advice = advise(machine)
    assert len(advice) == 1
    assert said in advice[0]


def test_a_compiler_is_not_advised_where_it_would_not_help() -> None:
    assert advise(dataclasses.replace(EAGER, compiler=None, instructions=())) == []


def test_another_system_is_told_where_it_would_be_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "processor_flags", frozenset)
    assert "on Windows in WSL" in advise(dataclasses.replace(EAGER, instructions=()))[0]


def test_a_limit_that_was_set_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, "none")
    monkeypatch.setattr(explain, "_has_gpu", lambda: False)
    machine = look_at_machine(DALLEBART)
    assert (machine.backend, machine.instructions) == ("eager", ())
    assert machine.reason.startswith("Drawing with eager, since NINEFOLD_INSTRUCTIONS=none forbids")
    assert machine.threads == 1
    assert machine.cores >= 1
    assert any("unset it" in advice for advice in advise(machine))
    if machine.memory_bytes is not None and machine.available_bytes is not None:
        assert 0 < machine.available_bytes <= machine.memory_bytes
        assert machine.memory.endswith(" free")
