"""Parts of a model are found wherever people keep them, and never guessed between."""

import shutil
from pathlib import Path

import pytest

from ninefold.checkpoints.convert import ModelSources
from ninefold.checkpoints.local_sources import find_sources
from ninefold.errors import CheckpointError, UserError
from tests.checkpoints.published_tiny import GOLDEN, WORDS, clip_repository


def _copy(golden: str, folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copy(GOLDEN / golden / name, folder)
    return folder


def _published(folder: Path, golden: str = "tiny_mini") -> Path:
    return _copy(golden, folder, "config.json", "flax_model.msgpack", "tokenizer.json")


def _vqgan(folder: Path) -> Path:
    return _copy("tiny_vqgan", folder, "config.json", "flax_model.msgpack")


def _clip(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, content in clip_repository().items():
        (folder / name).write_bytes(content)
    return folder


def test_parts_are_found_in_the_folder_and_inside_it(tmp_path: Path) -> None:
    _published(tmp_path)
    vqgan, clip = _vqgan(tmp_path / "a" / "vqgan"), _clip(tmp_path / "clip")
    words = tmp_path / "a" / "enwiki-words-frequency.txt"
    words.write_bytes(WORDS)
    assert find_sources(tmp_path) == ModelSources(tmp_path, vqgan, clip, words)
    assert find_sources(tmp_path, with_clip=False) == ModelSources(tmp_path, vqgan, None, words)


def test_min_dalles_own_folders_are_understood(tmp_path: Path) -> None:
    transformer = _copy("tiny_e2e_mini", tmp_path / "dalle_bart_mini", "encoder.pt", "decoder.pt")
    vqgan = tmp_path / "vqgan"
    vqgan.mkdir()
    (vqgan / "detoker.pt").touch()
    assert find_sources(tmp_path) == ModelSources(transformer, vqgan)


def test_a_part_elsewhere_can_be_named(tmp_path: Path) -> None:
    transformer = _published(tmp_path / "mini")
    vqgan, clip = _vqgan(tmp_path / "x" / "vqgan"), _clip(tmp_path / "x" / "clip")
    found = find_sources(transformer, vqgan=vqgan, clip=clip)
    assert found == ModelSources(transformer, vqgan, clip)


def test_the_nearest_of_several_is_meant(tmp_path: Path) -> None:
    _published(tmp_path)
    _published(tmp_path / "inside")
    vqgan = _vqgan(tmp_path / "vqgan")
    assert find_sources(tmp_path) == ModelSources(tmp_path, vqgan)


def test_two_that_are_equally_near_are_not_guessed_between(tmp_path: Path) -> None:
    mini, mega = _published(tmp_path / "mini"), _published(tmp_path / "mega", "tiny_mega")
    _vqgan(tmp_path / "vqgan")
    with pytest.raises(UserError, match="more than one transformer") as caught:
        find_sources(tmp_path)
    assert str(mini) in str(caught.value)
    assert str(mega) in str(caught.value)


def test_hidden_folders_and_those_too_deep_are_left_alone(tmp_path: Path) -> None:
    _published(tmp_path)
    _vqgan(tmp_path / ".git" / "vqgan")
    _vqgan(tmp_path / "a" / "b" / "c")
    with pytest.raises(UserError, match="holds no VQGAN; give its folder with --vqgan"):
        find_sources(tmp_path)


def test_a_folder_without_a_transformer_says_what_is_looked_for(tmp_path: Path) -> None:
    _vqgan(tmp_path)
    with pytest.raises(UserError, match=r"holds no transformer: neither flax_model\.msgpack"):
        find_sources(tmp_path)
    with pytest.raises(UserError, match="is not a folder"):
        find_sources(tmp_path / "absent")


def test_a_model_of_ours_needs_no_conversion(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"format": "ninefold-1"}')
    with pytest.raises(UserError, match="is a model of ninefold already"):
        find_sources(tmp_path)


def test_damage_counts_in_the_folder_that_is_meant_alone(tmp_path: Path) -> None:
    _published(tmp_path / "mini")
    _vqgan(tmp_path / "vqgan")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text("{")
    assert find_sources(tmp_path).dallebart == tmp_path / "mini"
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"config\.json is damaged"):
        find_sources(tmp_path)
