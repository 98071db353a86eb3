"""The tiny family installed: its specs, a reporter that remembers, and what must not be left."""

from pathlib import Path

from ninefold.checkpoints.hub_client import Hub
from ninefold.checkpoints.install import InstallOptions, install_published
from ninefold.checkpoints.registry import ModelSpec, find_model
from ninefold.checkpoints.verify import Check
from tests.checkpoints.published_tiny import build_registry, build_repositories
from tests.checkpoints.standin_hub import StandinHub

BLUEPRINT = build_repositories()
SPECS = build_registry(BLUEPRINT)
MINI = SPECS["tiny-mini"]


class Notes:
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.files: dict[str, tuple[int, int]] = {}
        self.checks: list[Check] = []

    def step(self, message: str) -> None:
        self.steps.append(message)

    def progress(self, label: str, here: int, total: int) -> None:
        self.files[label] = (here, total)

    def check(self, check: Check) -> None:
        self.checks.append(check)


def pull(
    standin: StandinHub,
    home: Path,
    spec: ModelSpec = MINI,
    options: InstallOptions | None = None,
) -> Notes:
    notes = Notes()
    hub = Hub(standin.endpoint, pauses=(0.01,))
    folder = install_published(spec, hub, notes, options, home)
    assert folder == find_model(spec.name, SPECS, home)
    return notes


def nothing_is_left(home: Path) -> bool:
    """Whether neither a model nor a folder of the work on one is there."""
    return list((home / "models").iterdir()) == []
