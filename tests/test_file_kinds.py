"""A Git-LFS pointer is called that wherever a file of ours or of others is read."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ninefold.checkpoints.config_json import read_json
from ninefold.checkpoints.flax_msgpack import FlaxFile
from ninefold.checkpoints.load import load_dallebart
from ninefold.checkpoints.safetensors_file import SafetensorsFile
from ninefold.checkpoints.torch_files import TorchFile
from ninefold.checkpoints.verify import verify_model
from ninefold.cli.prompts import gather_prompts
from ninefold.errors import UserError
from ninefold.file_kinds import is_lfs_pointer, kind_of, refuse_lfs_pointer
from ninefold.safety.inspection import inspect_picture
from ninefold.text.bpe import read_tokenizer
from ninefold.text.hashtags import WordSplitter

POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


def read_picture(path: Path) -> object:
    return inspect_picture(path.read_bytes(), str(path))


def read_prompts(path: Path) -> object:
    return gather_prompts([], str(path))


def read_words(path: Path) -> object:
    return read_tokenizer(path.parent)


def split_hashtag(path: Path) -> object:
    return WordSplitter(path).split("#redapple")


@pytest.mark.parametrize(
    "read",
    [
        SafetensorsFile, TorchFile, FlaxFile, read_json, read_picture, read_prompts,
        read_words, split_hashtag,
    ],
)  # fmt: skip
def test_a_pointer_is_called_that_by_every_reader(
    read: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(POINTER)
    with pytest.raises(UserError, match="Git-LFS pointer, not the file itself; run `git lfs pull`"):
        read(path)


@pytest.mark.parametrize("name", ["dallebart.safetensors", "config.json"])
def test_a_model_of_a_clone_without_its_large_files_says_so(
    tiny_model: Path, tmp_path: Path, name: str
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    (folder / name).unlink()
    (folder / name).write_bytes(POINTER)
    with pytest.raises(UserError, match="Git-LFS pointer"):
        load_dallebart(folder)
    assert any(
        not check.passed and "Git-LFS pointer" in check.seen for check in verify_model(folder)
    )


def test_what_is_no_pointer_passes(tmp_path: Path) -> None:
    refuse_lfs_pointer(tmp_path / "nowhere")
    (tmp_path / "a").write_bytes(b"version 2")
    refuse_lfs_pointer(tmp_path / "a")
    assert not is_lfs_pointer(b"")
    assert kind_of(b"") is None
    assert kind_of(b"BM is how this sentence begins") is None
