"""Installing from files that are here: recognized or named, refused where they are not right."""

import dataclasses
import shutil
from pathlib import Path

import pytest

from ninefold.checkpoints.convert import ModelSources
from ninefold.checkpoints.install import (
    InstallOptions,
    install_local,
)
from ninefold.checkpoints.local_sources import find_sources
from ninefold.checkpoints.model_folder import load_state, read_config
from ninefold.checkpoints.registry import REGISTRY, find_model
from ninefold.errors import CheckpointError, UserError
from tests.checkpoints.installing import SPECS, Notes, nothing_is_left, pull
from tests.checkpoints.published_tiny import (
    GOLDEN,
    WORDS,
    write_trap,
)
from tests.checkpoints.standin_hub import StandinHub


def _sources(folder: Path, golden: str = "tiny_mini") -> ModelSources:
    shutil.copytree(GOLDEN / golden, folder / "transformer")
    shutil.copytree(GOLDEN / "tiny_vqgan", folder / "vqgan")
    if (folder / "transformer" / "encoder.pt").exists():
        (folder / "transformer" / "flax_model.msgpack").unlink()
    return find_sources(folder)


def install(
    name: str | None, sources: ModelSources, home: Path, options: InstallOptions | None = None
) -> Notes:
    notes = Notes()
    install_local(name, sources, notes, options, home, SPECS)
    return notes


def test_local_files_are_recognized_by_their_size(tmp_path: Path, home: Path) -> None:
    install(None, _sources(tmp_path / "files"), home)
    assert read_config(find_model("tiny-mini", SPECS, home)).name == "tiny-mini"


def test_both_families_of_files_give_the_same_weights(
    standin: StandinHub, tmp_path: Path, home: Path
) -> None:
    pull(standin, home)
    install("from-torch", _sources(tmp_path / "files"), home)
    ours = load_state(home / "models" / "from-torch", "dallebart")
    for name, tensor in load_state(home / "models" / "tiny-mini", "dallebart").items():
        assert ours[name].float().equal(tensor)


def test_a_model_of_ones_own_gets_the_name_that_it_is_given(tmp_path: Path, home: Path) -> None:
    install("my-model", _sources(tmp_path / "files"), home)
    folder = find_model("my-model", SPECS, home)
    assert read_config(folder).licence == "that of the files it was made from"


def test_parts_that_are_not_there_are_mentioned(tmp_path: Path, home: Path) -> None:
    sources = _sources(tmp_path / "files")
    missing = install("a", sources, home).steps[:2]
    assert [step.split(",")[0] for step in missing] == [
        "There is no CLIP among the files",
        "There is no word list among the files",
    ]
    words = tmp_path / "enwiki-words-frequency.txt"
    words.write_bytes(WORDS)
    complete = dataclasses.replace(sources, words=words)
    steps = install("b", complete, home, InstallOptions(with_clip=False)).steps
    assert steps == ["Converting b", "Verifying b"]


def test_an_unknown_transformer_asks_for_a_name(tmp_path: Path, home: Path) -> None:
    with pytest.raises(UserError, match="give it a name: `ninefold pull NAME --from FOLDER`"):
        install_local(None, _sources(tmp_path), Notes(), home=home, registry=REGISTRY)


@pytest.mark.parametrize("name", ["../escape", "Mini", "", ".hidden", "a" * 65, "a/b"])
def test_a_name_that_is_no_folder_is_refused(tmp_path: Path, home: Path, name: str) -> None:
    sources = ModelSources(tmp_path, tmp_path)
    with pytest.raises(UserError):
        install(name, sources, home)
    assert not home.exists()


def test_the_name_of_the_packaged_model_is_taken(tmp_path: Path, home: Path) -> None:
    with pytest.raises(UserError, match="belongs to a model that comes with ninefold"):
        install_local("pocket", ModelSources(tmp_path, tmp_path), Notes(), home=home)


def test_another_model_cannot_take_a_published_name(tmp_path: Path, home: Path) -> None:
    sources = _sources(tmp_path / "files", "tiny_mega")
    with pytest.raises(CheckpointError, match="not a sound tiny-mini, so they were not installed"):
        install("tiny-mini", sources, home)
    assert nothing_is_left(home)


def test_a_local_file_that_would_run_code_is_refused(tmp_path: Path, home: Path) -> None:
    sources = _sources(tmp_path / "files")
    write_trap(sources.dallebart / "encoder.pt", tmp_path / "sprung")
    with pytest.raises(CheckpointError, match="can run code"):
        install("mine", sources, home)
    assert not (tmp_path / "sprung").exists()
    assert nothing_is_left(home)
