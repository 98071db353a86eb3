"""Laws of the gateway's process: what it never imports, and that its event loop goes first."""

import socket
import subprocess
import sys
from typing import NoReturn

import pytest
from sqlalchemy import URL

from ninefold.service import gateway_process
from tests.patience import PATIENCE_S
from tests.service.conftest import MakeSettings

PROBE = """
import sys
import ninefold.service.gateway_process, ninefold.service.supervisor, ninefold.service.__main__
import ninefold.cli.serve
heavy = sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "ray", "transformers"})
sys.exit(", ".join(heavy) or None)
"""


def test_the_gateway_imports_no_torch() -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROBE],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_a_thread_that_computes_gives_way_to_the_event_loop_soon(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BegunError(Exception):
        pass

    def begin(*_: object) -> NoReturn:
        raise BegunError

    monkeypatch.setattr(gateway_process, "server_config", begin)
    before = sys.getswitchinterval()
    try:
        with socket.socket() as listener, pytest.raises(BegunError):
            gateway_process.run_gateway(make_settings(), URL.create("postgresql"), "x", listener)
        assert sys.getswitchinterval() < 0.001 < before
    finally:
        sys.setswitchinterval(before)
