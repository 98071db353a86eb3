"""A tiny model that is installed, and ways to call the command line on it."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from torch import Tensor

from ninefold.checkpoints.model_folder import ModelConfig, Network, save_model
from ninefold.cli import main
from tests import tiny
from tests.patience import PATIENCE_S

COMMAND = "import sys; from ninefold.cli import main; sys.exit(main())"
VOCABULARY = 327
TOKENIZER = Path(__file__).parents[1] / "golden" / "tiny_mini" / "tokenizer.json"


class Result(NamedTuple):
    """What a call of the command line left behind."""

    code: int
    out: str
    err: str


RunInside = Callable[..., Result]
RunProcess = Callable[..., Result]


def write_model(folder: Path, seed: int = 0) -> Path:
    """Write a tiny model with random weights, and return its folder."""
    sizes = dataclasses.replace(tiny.DALLEBART, encoder_vocab_size=VOCABULARY)
    judge = dataclasses.replace(tiny.CLIP_CONFIG, vocab_size=VOCABULARY)
    config = ModelConfig(
        name=folder.name,
        licence="Apache-2.0",
        preset="pocket",
        dallebart=sizes,
        vqgan=tiny.VQGAN_CONFIG,
        clip=judge,
        picture_size=16,
    )
    networks: dict[Network, dict[str, Tensor]] = {
        "dallebart": tiny.build_dallebart(sizes, seed).state_dict(),
        "vqgan": tiny.build_vqgan(seed=seed).state_dict(),
        "clip": tiny.build_clip(judge, seed).state_dict(),
    }
    save_model(folder, config, networks, {"tokenizer.json": TOKENIZER})
    return folder


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with two tiny models, "tiny" and "other"; the models lie in its `models`."""
    home = tmp_path_factory.mktemp("home")
    write_model(home / "models" / "tiny")
    write_model(home / "models" / "other", seed=1)
    return home


@pytest.fixture
def workplace(tmp_path: Path, installed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, from which the models of `installed` are found."""
    monkeypatch.setenv("NINEFOLD_HOME", str(installed))
    monkeypatch.delenv("NINEFOLD_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ninefold(workplace: Path, capfd: pytest.CaptureFixture[str]) -> RunInside:
    """Call the command line inside this process, which is quick."""
    assert workplace.is_dir()

    def run(*arguments: str) -> Result:
        code = main(arguments)
        return Result(code, *capfd.readouterr())

    return run


@pytest.fixture
def ninefold_process(workplace: Path) -> RunProcess:
    """Call the command line as a person does: in a process of its own."""

    def run(
        *arguments: str, environment: Mapping[str, str] | None = None, standard_input: str = ""
    ) -> Result:
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *arguments],
            cwd=workplace,
            env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
            input=standard_input,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE_S,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run
