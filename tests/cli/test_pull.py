"""`ninefold pull`: from the hub and from files, with every refusal in one sentence."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from ninefold.checkpoints.registry import REGISTRY, ModelSpec
from tests.checkpoints.published_tiny import (
    GOLDEN,
    build_registry,
    build_repositories,
    clip_repository,
)
from tests.checkpoints.standin_hub import Fault, StandinHub, serve
from tests.cli.conftest import RunInside, RunProcess


@pytest.fixture
def home(workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, instead of the one that `workplace` sets."""
    assert workplace.is_dir()
    monkeypatch.setenv("NINEFOLD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandinHub]:
    """A hub, and a registry that has its models beside the published ones."""
    repositories = build_repositories()
    for name, spec in build_registry(repositories).items():
        monkeypatch.setitem(cast(dict[str, ModelSpec], REGISTRY), name, spec)
    with serve(repositories) as hub:
        yield hub


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Published files, as somebody may have them."""
    folder = shutil.copytree(GOLDEN / "tiny_mini", tmp_path / "files")
    shutil.copytree(GOLDEN / "tiny_vqgan", tmp_path / "files" / "vqgan")
    return folder


def test_an_interrupted_pull_says_that_its_download_is_kept(
    ninefold: RunInside, home: Path, standin: StandinHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ninefold.checkpoints.install.convert_model", interrupt)
    result = ninefold("pull", "tiny-mini", "--endpoint", standin.endpoint)
    assert (result.code, result.out) == (130, "")
    assert result.err.endswith("Run it again: what was downloaded is kept.\n")
    assert list((home / "models").iterdir()) == []
    assert (home / "downloads" / "tiny-mini" / "vqgan" / "flax_model.msgpack").is_file()


def test_a_model_is_pulled_from_the_endpoint_that_is_given(
    ninefold: RunInside, home: Path, standin: StandinHub
) -> None:
    result = ninefold("pull", "tiny-mini", "--endpoint", standin.endpoint, "--dtype", "float16")
    assert result.out == f"{home / 'models' / 'tiny-mini'}\n"
    assert result.code == 0
    lines = result.err.splitlines()
    assert lines[0] == f"Downloading tiny-mini from {standin.endpoint}"
    assert lines[1] == "Converting tiny-mini"
    assert lines[-1] == "Draw with it: ninefold draw 'an avocado armchair' --model tiny-mini"
    assert any(line.startswith("  pass  drawing: ") for line in lines)
    assert ninefold("verify", "tiny-mini").code == 0


def test_in_a_terminal_there_are_bars(
    ninefold: RunInside, home: Path, standin: StandinHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "150")
    result = ninefold("pull", "tiny-mini", "--endpoint", standin.endpoint, "--no-clip")
    assert result.code == 0
    assert "tiny/mini/flax_model.msgpack" in result.err
    assert "tiny/clip" not in result.err
    assert home.is_dir()


def test_a_failed_download_is_ours_and_one_line(
    ninefold: RunInside, home: Path, standin: StandinHub
) -> None:
    standin.faults["config.json"] = Fault(status=403)
    result = ninefold("pull", "tiny-mini", "--endpoint", standin.endpoint)
    assert (result.code, result.out) == (1, "")
    *_, last = result.err.splitlines()
    assert last == (
        f"ninefold: {standin.endpoint} answered 403 for tiny/mini/config.json; try again later."
    )
    assert list((home / "models").iterdir()) == []


def test_files_that_are_here_are_converted_under_any_name(
    ninefold: RunInside, home: Path, files: Path
) -> None:
    clip = files.parent / "clip"
    clip.mkdir()
    for name, content in clip_repository().items():
        (clip / name).write_bytes(content)
    result = ninefold("pull", "mine", "--from", str(files), "--clip", str(clip))
    assert result.code == 0
    assert (home / "models" / "mine" / "clip.safetensors").is_file()
    assert "ninefold draw 'an avocado armchair' --model mine" in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Say what to pull: `ninefold pull mini`"),
        (("maxi",), "There is no model 'maxi'; known are pocket, mini, mega."),
        (("pocket",), "'pocket' comes with ninefold; there is nothing to pull."),
        (("mini", "--dtype", "int8"), "'int8' is not a supported number format"),
        (("mini", "--endpoint", "nowhere"), "'nowhere' is not the address of a hub"),
        (("mini", "--clip", "x"), "--vqgan and --clip go with --from"),
        (("mini", "--from", "x", "--clip", "x", "--no-clip"), "exclude each other"),
        (("mini", "--from", "absent"), "absent is not a folder"),
        (("Mine", "--from", "files"), "'Mine' cannot be a model's name"),
    ],
)
def test_every_mistake_is_answered_with_what_to_do(
    ninefold: RunInside, home: Path, files: Path, arguments: tuple[str, ...], words: str
) -> None:
    assert files.is_dir()
    result = ninefold("pull", *arguments)
    assert (result.code, result.out) == (2, "")
    *_, last = result.err.splitlines()
    assert words in last
    assert not (home / "models").exists()


def test_the_command_needs_no_network_for_files(
    ninefold_process: RunProcess, files: Path, home: Path
) -> None:
    result = ninefold_process("pull", "mine", "--from", str(files), "--force")
    assert (result.code, result.out) == (0, f"{home / 'models' / 'mine'}\n")
