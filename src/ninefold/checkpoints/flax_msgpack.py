"""Reads the msgpack files that flax writes, without flax, jax or msgpack, one tensor at a time.

The format is that of `flax.serialization` (github.com/google/flax): nested maps whose leaves are
msgpack extension type 1, a msgpack triple (shape, dtype name, C-order bytes); type 3 is the same
for a scalar and type 2 a complex number. An array above 2³⁰ bytes is a map of flat pieces.

Opening a file walks over its headers alone and never over the numbers, so it costs a few kilobytes
whatever the size. The file is not trusted: every length is checked against the bytes that are
there, only plain arrays are understood, and nothing in it can name code. Which model the tensors
belong to is not known here (`weight_map`).
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

import torch
from torch import Tensor

from ninefold.checkpoints.foreign_file import decoding
from ninefold.checkpoints.tensor_source import TensorSpec
from ninefold.errors import CheckpointError
from ninefold.file_kinds import refuse_lfs_pointer

_DTYPES = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float64": torch.float64,
    "int64": torch.int64,
    "int32": torch.int32,
    "int16": torch.int16,
    "int8": torch.int8,
    "uint8": torch.uint8,
    "bool": torch.bool,
}

_MAX_DEPTH = 32
_MAX_ENTRIES = 10_000  # mega has under a thousand
_MAX_NAME = 1024
_MAX_AXES = 8  # convolutions have 4, stacked ones 5
_MAX_NUMBERS = 1 << 44  # of an array; larger than any disk
_CHUNK_MARK = "__msgpack_chunked_array__"

_Kind: TypeAlias = Literal["int", "bool", "bytes", "array", "map", "ext"]

# One byte opens every msgpack value. It either holds the number or length itself ...
_INLINE: tuple[tuple[range, _Kind], ...] = (
    (range(0x00, 0x80), "int"),
    (range(0x80, 0x90), "map"),
    (range(0x90, 0xA0), "array"),
    (range(0xA0, 0xC0), "bytes"),
    (range(0xC2, 0xC4), "bool"),
)
# ... or says how many bytes of it follow, ...
_SIZED: dict[int, tuple[_Kind, int]] = {
    **{0xC4 + i: ("bytes", 1 << i) for i in range(3)},  # bin 8, 16, 32
    **{0xC7 + i: ("ext", 1 << i) for i in range(3)},
    **{0xCC + i: ("int", 1 << i) for i in range(4)},  # uint 8, 16, 32, 64
    **{0xD9 + i: ("bytes", 1 << i) for i in range(3)},  # str 8, 16, 32
    **{0xDC + i: ("array", 2 << i) for i in range(2)},
    **{0xDE + i: ("map", 2 << i) for i in range(2)},
}
# ... or is an extension of 1, 2, 4, 8 or 16 bytes. What is left (nil, floats, negative integers)
# has no place in a tree of parameters.
_FIXED_EXT = {0xD4 + i: 1 << i for i in range(5)}


@dataclass(frozen=True)
class _Leaf:
    """An array in the file: its shape and where its bytes are."""

    spec: TensorSpec
    pieces: tuple[tuple[int, int], ...]  # (offset in the file, bytes), in order


_Node: TypeAlias = "dict[str, _Node] | _Leaf | int | bool"


class FlaxFile:
    """The tensors of one flax msgpack file; a `TensorSource`. Names are paths joined by "/"."""

    def __init__(self, path: Path) -> None:
        """Find every tensor of the file.

        Raises:
            UserError: the file cannot be opened.
            CheckpointError: it is damaged, or not a tree of arrays.
        """
        self.path = path
        self.label = str(path)
        refuse_lfs_pointer(path)
        with decoding(path, self._explained), path.open("rb") as file:
            self._leaves = dict(_Parser(file, path).leaves())
        self.specs = {name: leaf.spec for name, leaf in self._leaves.items()}

    def read(self, name: str, index: int | None = None) -> Tensor:
        """Read one tensor, or entry `index` of its leading axis, into new memory.

        Raises:
            CheckpointError: the file has gone or become shorter since it was opened.
        """
        with decoding(self.path, self._explained):
            return self._read(self._leaves[name], index)

    def _explained(self, _error: Exception) -> CheckpointError:
        return CheckpointError(f"{self.path} is not a whole flax checkpoint; download it again.")

    def _read(self, leaf: _Leaf, index: int | None) -> Tensor:
        shape = leaf.spec.shape if index is None else leaf.spec.shape[1:]
        tensor = torch.empty(shape, dtype=leaf.spec.dtype)
        if tensor.numel() == 0:
            return tensor
        target = tensor.reshape(-1).view(torch.uint8).numpy().data
        skipped = (index or 0) * len(target)
        try:
            with self.path.open("rb") as file:
                for offset, count in _overlaps(leaf.pieces, skipped, len(target)):
                    file.seek(offset)
                    if file.readinto(target[:count]) != count:
                        raise CheckpointError(f"{self.path} was cut short while it was being read.")
                    target = target[count:]
        except OSError as error:
            raise CheckpointError(
                f"{self.path} cannot be read any more: {error.strerror}."
            ) from None
        return tensor

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        """Read all tensors, one at a time."""
        return ((name, self.read(name)) for name in self._leaves)


def _overlaps(
    pieces: tuple[tuple[int, int], ...], start: int, count: int
) -> Iterator[tuple[int, int]]:
    """Where bytes start..start+count of the joined pieces lie in the file."""
    for offset, size in pieces:
        taken = min(size - start, count)
        if taken > 0:
            yield offset + start, taken
            count -= taken
        start = max(start - size, 0)


class _Parser:
    """Walks over the headers of one file."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._end = file.seek(0, 2)
        self._count = itertools.count(1)
        file.seek(0)

    def leaves(self) -> Iterator[tuple[str, _Leaf]]:
        """Every array by its path.

        Raises:
            CheckpointError: the file is anything but one map of arrays.
        """
        tree = self._node(depth=0)
        if not isinstance(tree, dict):
            raise self._error("it does not begin with a map")
        if self._file.tell() != self._end:
            raise self._error("there are bytes after its end")
        seen: set[str] = set()
        for name, leaf in self._flatten(tree, ""):
            if name in seen:
                raise self._error(f"it names {name!r} twice")
            seen.add(name)
            yield name, leaf

    def _error(self, reason: str) -> CheckpointError:
        where = self._file.tell()
        return CheckpointError(
            f"{self._path} is not a whole flax checkpoint: {reason} (byte {where:,} of "
            f"{self._end:,}); download it again."
        )

    def _flatten(self, tree: dict[str, _Node], prefix: str) -> Iterator[tuple[str, _Leaf]]:
        for key, node in tree.items():
            if isinstance(node, _Leaf):
                yield prefix + key, node
            elif isinstance(node, dict):
                yield from self._flatten(node, f"{prefix}{key}/")
            else:
                raise self._error(f"{prefix + key!r} is a plain number where an array belongs")

    def _take(self, count: int) -> bytes:
        if count > self._end - self._file.tell():
            raise self._error("it is cut short")
        return self._file.read(count)

    def _header(self) -> tuple[_Kind, int]:
        """Kind of the next value, with its number (int, bool) or length (the others)."""
        tag = self._take(1)[0]
        for tags, inline_kind in _INLINE:
            if tag in tags:
                return inline_kind, tag - tags.start
        if tag in _FIXED_EXT:
            return "ext", _FIXED_EXT[tag]
        if tag not in _SIZED:
            raise self._error(f"a value of msgpack type 0x{tag:02x} has no place in a checkpoint")
        kind, width = _SIZED[tag]
        return kind, int.from_bytes(self._take(width), "big")

    def _expect(self, wanted: _Kind, what: str) -> int:
        kind, value = self._header()
        if kind != wanted:
            raise self._error(f"{what} is of msgpack kind {kind!r}, not {wanted!r}")
        return value

    def _name(self, what: str) -> str:
        length = self._expect("bytes", what)
        if length > _MAX_NAME:
            raise self._error(f"{what} is {length:,} bytes long")
        try:
            return self._take(length).decode("utf-8")
        except UnicodeDecodeError:
            raise self._error(f"{what} is not text") from None

    def _node(self, depth: int) -> _Node:
        kind, value = self._header()
        if kind == "map":
            return self._map(value, depth + 1)
        if kind == "ext":
            return self._extension(value)
        if kind == "int":
            return value
        if kind == "bool":
            return bool(value)
        raise self._error(f"a value of msgpack kind {kind!r} stands where an array belongs")

    def _map(self, length: int, depth: int) -> _Node:
        if depth > _MAX_DEPTH:
            raise self._error(f"its maps are nested more than {_MAX_DEPTH} deep")
        entries: dict[str, _Node] = {}
        for _ in range(length):
            if next(self._count) > _MAX_ENTRIES:
                raise self._error(f"it has more than {_MAX_ENTRIES:,} entries")
            key = self._name("a key")
            if key in entries:
                raise self._error(f"it names {key!r} twice")
            entries[key] = self._node(depth)
        return self._join(entries) if _CHUNK_MARK in entries else entries

    def _extension(self, length: int) -> _Leaf:
        code = self._take(1)[0]
        end = self._file.tell() + length
        if code == 2:  # flax's number for it
            raise self._error("it holds a complex number, which no parameter is")
        if code not in (1, 3):
            raise self._error(f"it holds extension type {code}, which flax does not write")
        if self._expect("array", "an array's description") != 3:
            raise self._error("an array's description is not (shape, format, bytes)")
        rank = self._expect("array", "a shape")
        if rank > _MAX_AXES:
            raise self._error(f"an array has {rank} axes")
        shape = tuple(self._expect("int", "a side of an array") for _ in range(rank))
        name = self._name("a number format")
        if name not in _DTYPES:
            raise self._error(f"the number format {name!r} is not supported")
        spec = TensorSpec(shape, _DTYPES[name])
        size = self._expect("bytes", "an array's content")
        offset = self._file.tell()
        if size != spec.num_bytes:
            raise self._error(f"an array of shape {list(shape)} {name} has {size:,} bytes")
        if offset + size > self._end:
            raise self._error("it is cut short")
        if offset + size != end:
            raise self._error("an array does not fill its place")
        self._require_possible(shape)
        self._file.seek(end)
        return _Leaf(spec, ((offset, size),))

    def _require_possible(self, shape: tuple[int, ...]) -> None:
        """Refuse a shape that no tensor has; one with a side of 0 passes whatever others say."""
        numbers = 1
        for side in shape:
            numbers *= max(side, 1)
        if numbers > _MAX_NUMBERS or len(shape) > _MAX_AXES:
            raise self._error(f"an array has the shape {list(shape)}")

    def _join(self, entries: dict[str, _Node]) -> _Leaf:
        """A large array from its flat pieces."""
        sides = self._numbered(entries.get("shape"))
        chunks = self._numbered(entries.get("chunks"))
        shape = [side for side in sides if isinstance(side, int) and not isinstance(side, bool)]
        pieces = [leaf for leaf in chunks if isinstance(leaf, _Leaf)]
        if len(shape) != len(sides) or len(pieces) != len(chunks):
            raise self._error("a large array has a shape or pieces that are something else")
        self._require_possible(tuple(shape))
        dtypes = {leaf.spec.dtype for leaf in pieces}
        if len(dtypes) != 1:
            raise self._error("a large array is not in pieces of one number format")
        spec = TensorSpec(tuple(shape), dtypes.pop())
        if spec.num_bytes != sum(leaf.spec.num_bytes for leaf in pieces):
            raise self._error(f"the pieces of an array of shape {shape} do not add up to it")
        return _Leaf(spec, tuple(piece for leaf in pieces for piece in leaf.pieces))

    def _numbered(self, node: "_Node | None") -> list[_Node]:
        """The values of {"0": ..., "1": ...}, which is how flax writes a tuple."""
        if not isinstance(node, dict) or list(node) != [str(i) for i in range(len(node))]:
            raise self._error("a large array lacks its shape or its pieces")
        return list(node.values())
