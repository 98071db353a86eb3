"""PyTorch files: tensors come out, and nothing in them runs."""

import os
import pickle
import sys
import types
from pathlib import Path

import pytest
import torch

from ninefold.checkpoints.torch_files import TorchFile
from ninefold.errors import CheckpointError, UserError

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2).half()}


def save(folder: Path, content: object, *, as_archive: bool = True) -> Path:
    path = folder / "weights.pt"
    torch.save(content, path, _use_new_zipfile_serialization=as_archive)
    return path


@pytest.mark.parametrize("as_archive", [True, False], ids=["archive", "before 1.6"])
def test_a_state_dict_reads_as_it_was_saved(tmp_path: Path, as_archive: bool) -> None:
    file = TorchFile(save(tmp_path, STATE, as_archive=as_archive))
    assert file.specs["a.weight"].shape == (2, 3)
    assert file.specs["b"].dtype == torch.float16
    assert torch.equal(file.read("a.weight"), STATE["a.weight"])
    assert torch.equal(file.read("a.weight", 1), STATE["a.weight"][1])


def test_the_state_dict_of_a_training_checkpoint_is_what_counts(tmp_path: Path) -> None:
    file = TorchFile(save(tmp_path, {"epoch": 3, "state_dict": STATE}))
    assert list(file.specs) == ["a.weight", "b"]


def test_a_class_that_lightning_names_as_a_key_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "pytorch_lightning.callbacks.model_checkpoint"
    model_checkpoint = type("ModelCheckpoint", (), {"__module__": name})
    module = types.ModuleType(name)
    vars(module)["ModelCheckpoint"] = model_checkpoint
    with monkeypatch.context() as patched:
        for package in ("pytorch_lightning", "pytorch_lightning.callbacks"):
            patched.setitem(sys.modules, package, types.ModuleType(package))
        patched.setitem(sys.modules, name, module)
        path = save(tmp_path, {"callbacks": {model_checkpoint: 1}, "state_dict": STATE})
    assert list(TorchFile(path).specs) == ["a.weight", "b"]


class Trap:
    """A pickle of this writes a file when it is opened carelessly."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("kind", ["archive", "before 1.6", "plain pickle"])
def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(
    tmp_path: Path, kind: str
) -> None:
    mark = tmp_path / "it ran"
    if kind == "plain pickle":
        path = tmp_path / "weights.pt"
        path.write_bytes(pickle.dumps({"a": Trap(mark)}, protocol=2))
    else:
        path = save(tmp_path, {"a": Trap(mark)}, as_archive=kind == "archive")
    with pytest.raises(CheckpointError, match="can run code; get the weights") as refusal:
        TorchFile(path)
    assert "\n" not in str(refusal.value)
    assert not mark.exists()
    assert "it asks for posix.mkdir" in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.ones(1)], "holds a list"),
        (torch.ones(1), "holds a Tensor"),
        ({"a": 1}, "holds 'a', which is not a tensor"),
        ({1: torch.ones(1)}, "holds 1, which is not a tensor"),
        ({"a": torch.ones(2).to_sparse()}, "Tensor a of .* is not stored as plain numbers"),
    ],
)
def test_what_is_not_named_tensors_is_refused(
    tmp_path: Path, content: object, message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        TorchFile(save(tmp_path, content))


@pytest.mark.parametrize("as_archive", [True, False], ids=["archive", "before 1.6"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_file_that_is_cut_short_is_refused(
    tmp_path: Path, as_archive: bool, share: float
) -> None:
    path = save(tmp_path, STATE, as_archive=as_archive)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match="is damaged or not a file that PyTorch wrote"):
        TorchFile(path)


@pytest.mark.parametrize(
    "content", [b"<!DOCTYPE html><title>Not found</title>", pickle.dumps({"a": 1}), b"PK\3\4junk"]
)
def test_another_kind_of_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"weights\.pt is damaged"):
        TorchFile(path)


def test_a_file_that_cannot_be_opened_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="could not be read: No such file"):
        TorchFile(tmp_path / "absent.pt")
