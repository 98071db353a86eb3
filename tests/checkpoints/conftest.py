"""A stand-in hub that serves the tiny family, and an empty data folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkpoints.installing import BLUEPRINT
from tests.checkpoints.published_tiny import Repositories
from tests.checkpoints.standin_hub import StandinHub, serve


@pytest.fixture
def repositories() -> Repositories:
    return {name: dict(files) for name, files in BLUEPRINT.items()}


@pytest.fixture
def standin(repositories: Repositories) -> Iterator[StandinHub]:
    with serve(repositories) as hub:
        yield hub


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"
