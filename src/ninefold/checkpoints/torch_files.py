"""Reads `.pt` and `.ckpt` files of PyTorch as data: tensors, and nothing that could run.

`torch.load(weights_only=True)` refuses a pickle that names a function to call. Training checkpoints
of PyTorch Lightning name one class of their own as a dictionary key; an empty class stands in.
Tensors are mapped from the file, not read, so that a large one costs no memory until it is used.
"""

import re
import warnings
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ninefold.checkpoints.foreign_file import decoding
from ninefold.checkpoints.tensor_source import stream_of
from ninefold.errors import CheckpointError
from ninefold.file_kinds import refuse_lfs_pointer


class _Inert:
    """Stands where a training checkpoint names a class of its framework; holds nothing."""


_INERT_NAMES = (
    "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
    "pytorch_lightning.callbacks.early_stopping.EarlyStopping",
)


_MAX_RECORDS = 100_000
_MAX_SHARING = 8
"""Times that the bytes of a file may be seen through its tensors: tied weights share theirs."""


def _load(path: Path) -> Any:
    inert: list[Any] = [(_Inert, name) for name in _INERT_NAMES]
    with torch.serialization.safe_globals(inert), warnings.catch_warnings():
        # A pickle that is not PyTorch's own is refused a moment after it is warned of.
        warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
        # Files older than PyTorch 1.6 are not archives and cannot be mapped.
        return torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )


class TorchFile:
    """The tensors of one PyTorch file; a `TensorSource`."""

    def __init__(self, path: Path) -> None:
        """Map the file.

        A file with a `state_dict` beside other things, as training writes it, is read as that.

        Raises:
            UserError: the file cannot be opened.
            CheckpointError: it is damaged, would run code, or holds something else than tensors.
        """
        self.path = path
        self.label = str(path)
        refuse_lfs_pointer(path)
        with decoding(path, partial(_explained, path)):
            size = path.stat().st_size
            _require_plain_records(path, size)
            self._tensors = _tensors_of(path, _load(path))
            _require_bounded(path, self._tensors, size)
            self.specs = stream_of(self._tensors).specs

    def read(self, name: str, index: int | None = None) -> Tensor:
        """Return one tensor, or entry `index` of its first axis, without copying it."""
        with decoding(self.path, partial(_explained, self.path)):
            tensor = self._tensors[name]
            return tensor if index is None else tensor[index]


def _require_plain_records(path: Path, size: int) -> None:
    """Refuse an archive whose records are compressed, or more than it can hold.

    PyTorch writes them as they are. A compressed one is unpacked in memory whatever it says of its
    size: 1.5 MB have taken 4.7 GB.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        records = archive.infolist()
    names = {record.filename for record in records}
    is_plain = all(
        record.compress_type == zipfile.ZIP_STORED and record.file_size == record.compress_size
        for record in records
    )
    if not is_plain:
        raise CheckpointError(
            f"{path} holds compressed records, which PyTorch does not write, and was not opened; "
            "get the weights from their publisher."
        )
    is_whole = sum(record.file_size for record in records) <= size
    if not is_whole or len(records) > _MAX_RECORDS or len(names) != len(records):
        raise _damaged(path)


def _require_bounded(path: Path, tensors: dict[str, Tensor], size: int) -> None:
    """Refuse tensors that claim more numbers than the file has.

    A tensor may step over its storage with strides of 0, and so be as large as it likes.
    """
    total = 0
    for name, tensor in tensors.items():
        num_bytes = tensor.numel() * tensor.element_size()
        total += num_bytes
        if tensor.device.type != "cpu" or num_bytes > tensor.untyped_storage().nbytes():
            raise CheckpointError(f"Tensor {name} of {path} claims more numbers than are there.")
    if total > _MAX_SHARING * size:
        raise _damaged(path)


def _explained(path: Path, error: Exception) -> CheckpointError:
    asked_for = re.search(r"GLOBAL ([\w.]+)", str(error))  # how PyTorch names what it refused
    if asked_for:
        return CheckpointError(
            f"{path} holds more than tensors (it asks for {asked_for[1]}) and was not opened, "
            "because such a file can run code; get the weights from their publisher."
        )
    return _damaged(path)


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path} is damaged or not a file that PyTorch wrote; download it again."
    )


def _tensors_of(path: Path, content: Any) -> dict[str, Tensor]:
    state = content
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        state = content["state_dict"]
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} holds a {type(state).__name__}, not named tensors.")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise CheckpointError(f"{path} holds {name!r}, which is not a tensor with a name.")
        if value.layout != torch.strided or value.is_quantized:
            raise CheckpointError(f"Tensor {name} of {path} is not stored as plain numbers.")
    return dict(state)
