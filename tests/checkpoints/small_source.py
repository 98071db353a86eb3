"""A source of three small files, to be served and downloaded in every way."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from ninefold.checkpoints.hub import fetch_source
from ninefold.checkpoints.hub_client import Hub
from ninefold.checkpoints.published import PublishedFile, PublishedSource
from ninefold.errors import DownloadError
from tests.checkpoints.standin_hub import COMMIT, StandinHub

WEIGHTS = bytes(range(256)) * 400  # large: by redirect and SHA-256
CONFIG = b'{"d_model": 64}'  # small: git's hash
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
SOURCE = PublishedSource(
    "family/model",
    COMMIT,
    "Apache-2.0",
    (
        PublishedFile("config.json", 15),
        PublishedFile("weights.bin", len(WEIGHTS), SHA256),
        PublishedFile("empty.txt", 0),
    ),
)
FILE = SOURCE.files[1]
REPOSITORIES = {"family/model": {"config.json": CONFIG, "weights.bin": WEIGHTS, "empty.txt": b""}}


def hub_of(standin: StandinHub, token: str | None = None) -> Hub:
    """Return the way to a stand-in, with little patience."""
    return Hub(standin.endpoint, token, pauses=(0.01, 0.01))


def failure_of(standin: StandinHub, folder: Path, token: str | None = None) -> str:
    """Return the one sentence that a download which must fail ends with."""
    with pytest.raises(DownloadError) as caught:
        fetch_source(SOURCE, folder, hub_of(standin, token), silent)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert not (folder / "weights.bin").exists()
    return message


def silent(_label: str, _here: int, _total: int) -> None:
    """Take note of no progress."""


def run_python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, under nothing but `environment`."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={"PYTHONPATH": str(Path(__file__).parents[2]), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
