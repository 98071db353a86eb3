"""Writes and reads safetensors files, one tensor at a time.

The layout is documented at github.com/huggingface/safetensors: eight bytes of header length,
little-endian; a JSON header that gives each tensor's format, shape and place; the numbers. Because
the header depends on shapes alone it can be written first, and the tensors after it in the order in
which they come; the library's own `save_file` wants all of them in memory.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from ninefold.checkpoints.foreign_file import decoding
from ninefold.checkpoints.tensor_source import TensorSpec, TensorStream
from ninefold.errors import CheckpointError
from ninefold.file_kinds import refuse_lfs_pointer

_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int16: "I16",
    torch.uint8: "U8",
}
# Other whole numbers are known so that a table can drop them: CLIP folders hold those of positions.
_DTYPES = {name: dtype for dtype, name in _NAMES.items()} | {"I64": torch.int64}


def write_tensors(path: Path, stream: TensorStream) -> None:
    """Write a new file of the tensors of `stream`, holding one of them at a time.

    Args:
        path: the file; it must not exist.
        stream: the tensors; those on another device are fetched one by one.

    Raises:
        CheckpointError: a number is too large for the format that it is to be stored in.
        FileExistsError: `path` exists.
        OSError: the file cannot be written.
    """
    header, starts = _header(stream.specs)
    with path.open("xb") as file:
        file.write(header)
        pending = dict(starts)
        for name, tensor in stream:
            spec = stream.specs[name]
            assert tuple(tensor.shape) == spec.shape, f"{name} is not of the shape announced"
            stored = tensor.detach().to("cpu", spec.dtype)
            is_narrowed = spec.dtype == torch.float16 != tensor.dtype
            if is_narrowed and not stored.isfinite().all():
                raise CheckpointError(
                    f"Tensor {name} has numbers that float16 cannot hold; store it as bfloat16 or "
                    "float32."
                )
            file.seek(len(header) + pending.pop(name))
            if stored.numel():
                file.write(stored.contiguous().reshape(-1).view(torch.uint8).numpy().data)
        assert not pending, f"the stream ended without {list(pending)}"
        file.flush()
        os.fsync(file.fileno())


def _header(specs: Mapping[str, TensorSpec]) -> tuple[bytes, dict[str, int]]:
    """The opening bytes of a file, and where each tensor starts after them."""
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    starts: dict[str, int] = {}
    end = 0
    # Wide formats first, so that every tensor is aligned to its own width in the mapped file.
    for name, spec in sorted(specs.items(), key=lambda item: -item[1].dtype.itemsize):
        starts[name], end = end, end + spec.num_bytes
        entries[name] = {
            "dtype": _NAMES[spec.dtype],
            "shape": list(spec.shape),
            "data_offsets": [starts[name], end],
        }
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, starts


class SafetensorsFile:
    """The tensors of one safetensors file; a `TensorSource`. They are mapped, not read."""

    def __init__(self, path: Path) -> None:
        """Open a file; tensors that were read stay valid after this object is gone.

        Raises:
            UserError: the file cannot be opened.
            CheckpointError: it is damaged, or a tensor is in a format that no model of ours has.
        """
        self.path = path
        self.label = str(path)
        refuse_lfs_pointer(path)
        with decoding(path, self._explained):
            with path.open("rb"):  # safe_open says of every failure that there is no such file
                self._opened: Any = safe_open(str(path), framework="pt")
            self.specs = {name: self._spec(name) for name in self._names()}

    def _explained(self, _error: Exception) -> CheckpointError:
        return CheckpointError(
            f"{self.path} is damaged or not a safetensors file; install the model again."
        )

    def _names(self) -> list[str]:
        return list(self._opened.keys())

    def _spec(self, name: str) -> TensorSpec:
        entry = self._opened.get_slice(name)
        if entry.get_dtype() not in _DTYPES:
            raise CheckpointError(
                f"{self.path} stores {name} as {entry.get_dtype()}; only floats and "
                "16-bit whole numbers are supported."
            )
        return TensorSpec(tuple(entry.get_shape()), _DTYPES[entry.get_dtype()])

    def read(self, name: str, index: int | None = None) -> Tensor:
        """Return one tensor, or entry `index` of its first axis."""
        tensor: Tensor = self._opened.get_tensor(name)
        return tensor if index is None else tensor[index]
