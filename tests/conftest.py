"""What every test runs under: one thread, fixed seeds, and no network beyond this machine."""

import ipaddress
import random
import socket
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
import torch

torch.set_num_threads(1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests that this machine cannot run at all, and count them as that.

    Those are native formats and instructions that the processor cannot do (a machine that could
    but has no compiler fails), and small disks where nothing may be mounted.
    """
    from ninefold.engine.native.library import why_not
    from ninefold.engine.native.structures import why_no_kind
    from tests.small_disk import why_no_disk

    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        kinds = [kind for mark in item.iter_markers("native") for kind in mark.args]
        sets = [name for mark in item.iter_markers("instructions") for name in mark.args]
        reasons: list[str | None] = [*map(why_no_kind, kinds), *map(why_not, sets)]
        if item.get_closest_marker("small_disk") is not None:
            reasons.append(why_no_disk())
        (left_out if any(reasons) else kept).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


def pytest_report_header() -> list[str]:
    """Say which instructions of the native decoder are tested, and what is not."""
    from ninefold.engine.native.library import NEEDED, why_not
    from tests.small_disk import why_no_disk

    reasons: dict[str, str | None] = {
        f"native decoder with {name}": why_not(name) for name in NEEDED
    }
    reasons["full disks"] = why_no_disk()
    return [f"{what}: {reason or 'tested'}" for what, reason in reasons.items()]


# Shared machines are slow at times, and a test has to say the same twice.
hypothesis.settings.register_profile("ninefold", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("ninefold")


@pytest.fixture
def golden() -> Path:
    """The folder of the golden sets, recorded from the reference implementations."""
    return Path(__file__).parent / "golden"


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """Make what draws from a global generator repeatable, whatever threads a test before chose."""
    torch.set_num_threads(1)
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


def _is_on_this_machine(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", errors="replace")
    if host is None or host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sockets and name look-ups reach this machine only."""
    connect, connect_ex, look_up = (
        socket.socket.connect,
        socket.socket.connect_ex,
        socket.getaddrinfo,
    )

    def check(host: object) -> None:
        if not _is_on_this_machine(host):
            pytest.fail(f"A test reached for the network: {host!r}.")

    # The address of a Unix socket is a path, that of any other begins with the host.
    def guarded_connect(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple):
            check(address[0])
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        if isinstance(address, tuple):
            check(address[0])
        return connect_ex(self, address)

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        check(host)
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a whole tiny model with random weights, CLIP included; not to be changed."""
    from tests.tiny import tiny_model_folder  # most tests need no model and not its imports

    return tiny_model_folder(tmp_path_factory.mktemp("models"))
