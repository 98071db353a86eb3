"""Laws of the gateway's process: what it never imports."""

import subprocess
import sys

from tests.patience import PATIENCE_S

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
