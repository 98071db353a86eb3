"""What every checkpoint format looks like from outside: names with shapes, and tensors on demand.

The names and shapes of a whole checkpoint are known before any of its numbers are read, so that a
conversion can be checked in full before it starts, and then runs one tensor at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class TensorSpec:
    """Shape and number format of a tensor."""

    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def num_bytes(self) -> int:
        """Bytes of the numbers, without padding."""
        count = self.dtype.itemsize
        for side in self.shape:
            count *= side
        return count


class TensorSource(Protocol):
    """A checkpoint that is open for reading."""

    @property
    def label(self) -> str:
        """What to call it in a message to a person."""

    @property
    def specs(self) -> Mapping[str, TensorSpec]:
        """Every tensor in it, by the name that the format gives it."""

    def read(self, name: str, index: int | None = None) -> Tensor:
        """Return one tensor, or entry `index` of its leading axis."""


class JoinedSource:
    """Several sources as one, in which the names of each begin with its key and a dot."""

    def __init__(self, label: str, parts: Mapping[str, TensorSource]) -> None:
        self.label = label
        self._parts = parts
        self.specs = {
            f"{key}.{name}": spec
            for key, part in parts.items()
            for name, spec in part.specs.items()
        }

    def read(self, name: str, index: int | None = None) -> Tensor:
        """Return one tensor, or entry `index` of its leading axis."""
        key, _, inner = name.partition(".")
        return self._parts[key].read(inner, index)


@dataclass(frozen=True)
class TensorStream:
    """Tensors that are made one at a time, in the order in which they are cheap to make."""

    specs: Mapping[str, TensorSpec]
    """Every tensor that will come, each exactly once."""
    tensors: Callable[[], Iterable[tuple[str, Tensor]]]
    """Starts a pass over them. Only one tensor need be in memory at a time. Who reads them turns
    each into the format that `specs` says."""

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        return iter(self.tensors())

    @property
    def num_bytes(self) -> int:
        """Bytes of all tensors together."""
        return sum(spec.num_bytes for spec in self.specs.values())

    def cast(self, dtype: torch.dtype) -> "TensorStream":
        """The same tensors, floats to be stored in another format, whole numbers as they are."""
        specs = {
            name: TensorSpec(spec.shape, dtype if spec.dtype.is_floating_point else spec.dtype)
            for name, spec in self.specs.items()
        }
        return TensorStream(specs, self.tensors)


def stream_of(tensors: Mapping[str, Tensor]) -> TensorStream:
    """Wrap tensors that are in memory already, such as a `state_dict`."""
    specs = {name: TensorSpec(tuple(t.shape), t.dtype) for name, t in tensors.items()}
    return TensorStream(specs, tensors.items)
