"""Flax's msgpack files: every tensor is found and read exactly, and damage never passes unseen."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ninefold.checkpoints.flax_msgpack import FlaxFile
from ninefold.errors import CheckpointError, UserError
from tests.checkpoints.published_files import (
    GOLDEN,
    extension,
    flax_chunks,
    flax_leaf,
    nested,
    pack,
)

SMALL = pack({"a": {"b": flax_leaf(torch.arange(6.0).reshape(2, 3))}})


def write(folder: Path, content: object) -> Path:
    path = folder / "flax_model.msgpack"
    path.write_bytes(content if isinstance(content, bytes) else pack(content))
    return path


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.int64])
def test_a_tensor_reads_as_it_was_written(tmp_path: Path, dtype: torch.dtype) -> None:
    tensor = torch.arange(24).reshape(2, 3, 4).to(dtype)
    file = FlaxFile(write(tmp_path, {"model": {"kernel": flax_leaf(tensor)}}))
    assert list(file.specs) == ["model/kernel"]
    assert file.specs["model/kernel"].shape == (2, 3, 4)
    assert file.specs["model/kernel"].num_bytes == 24 * dtype.itemsize
    assert torch.equal(file.read("model/kernel"), tensor)
    assert torch.equal(file.read("model/kernel", 1), tensor[1])
    assert file.label == str(file.path)


def test_dtype_names_and_keys_may_be_binary_strings(tmp_path: Path) -> None:
    leaf = extension(1, ((2,), b"float32", b"\0" * 8))
    file = FlaxFile(write(tmp_path, {b"x": leaf}))
    assert torch.equal(file.read("x"), torch.zeros(2))


def test_scalars_and_empty_tensors_read(tmp_path: Path) -> None:
    scalar = extension(3, flax_leaf(torch.tensor(2.5)).data)
    file = FlaxFile(write(tmp_path, {"s": scalar, "e": flax_leaf(torch.zeros(0, 4)), "n": {}}))
    tensors = dict(file)
    assert tensors["s"] == 2.5
    assert tensors["e"].shape == (0, 4)
    assert len(tensors) == 2


@pytest.mark.parametrize("size", [1, 5, 6, 7, 24, 100])
def test_a_tensor_in_pieces_reads_like_a_whole_one(tmp_path: Path, size: int) -> None:
    tensor = torch.arange(24.0).reshape(4, 3, 2)
    file = FlaxFile(write(tmp_path, {"big": flax_chunks(tensor, size)}))
    assert torch.equal(file.read("big"), tensor)
    for index in range(4):
        assert torch.equal(file.read("big", index), tensor[index])


def test_every_length_of_every_msgpack_header_is_understood(tmp_path: Path) -> None:
    for count in (3, 300):
        many: dict[str, Any] = {f"{i:05}": {} for i in range(count)}
        assert len(FlaxFile(write(tmp_path, many | {"last": ROW})).specs) == 1
    entry = pack({"last": ROW})[1:]
    assert len(FlaxFile(write(tmp_path, b"\xdf\0\0\0\1" + entry)).specs) == 1
    for size in (1, 40, 300, 20_000):
        file = FlaxFile(write(tmp_path, {"k" * min(size, 1000): flax_leaf(torch.ones(size))}))
        assert all(tensor.sum() == size for _, tensor in file)


def test_the_published_layout_reads(tmp_path: Path) -> None:
    file = FlaxFile(GOLDEN / "tiny_mega" / "flax_model.msgpack")
    assert file.specs["lm_head/kernel"].shape == (64, 544)
    stacked = "model/encoder/layers/FlaxBartEncoderLayers/GLU_0/Dense_0/kernel"
    assert torch.equal(file.read(stacked, 2), file.read(stacked)[2])
    again = FlaxFile(write(tmp_path, nested(dict(file))))
    assert all(torch.equal(again.read(name), tensor) for name, tensor in file)


def broken(triple: object, code: int = 1) -> dict[str, Any]:
    return {"a": extension(code, triple)}


ROW = flax_leaf(torch.ones(2))
REFUSED = {
    "it is empty": b"",
    "it is cut in a header": SMALL[:5],
    "it is cut in the numbers": SMALL[:-1],
    "it goes on after its end": SMALL + b"\0",
    "it is text": b"<!DOCTYPE html>",
    "it is a list": [1, 2],
    "it is one array": ROW,
    "a key is a number": {1: ROW},
    "a key is not text": {b"\xff\xfe": ROW},
    "a key is too long": {"k" * 2000: ROW},
    "a key comes twice": b"\x82" + 2 * pack({"a": ROW})[1:],
    "two paths are the same": {"a/b": ROW, "a": {"b": ROW}},
    "a leaf is a number": {"a": 3},
    "a leaf is true": {"a": True},
    "a leaf is null": {"a": None},
    "a leaf is a float": {"a": 0.5},
    "a leaf is a list": {"a": [1]},
    "a leaf is a string": {"a": "text"},
    "a complex number": broken((1.0, 2.0), code=2),
    "an unknown extension": broken(((1,), "float32", b"\0" * 4), code=7),
    "no triple": broken(((1,), "float32")),
    "not an array": broken({"shape": 1}),
    "a shape that is a number": broken((4, "float32", b"\0" * 16)),
    "a negative side": broken(((-1,), "float32", b"\0" * 4)),
    "a side of half": broken(((0.5,), "float32", b"\0" * 4)),
    "an absurd shape": broken(((2**62, 2**62), "float32", b"\0" * 4)),
    "too many axes": broken(((1,) * 9, "float32", b"\0" * 4)),
    "too few bytes": broken(((2,), "float32", b"\0" * 4)),
    "an unknown format": broken(((1,), "object", b"\0" * 8)),
    "a format that is a number": broken(((1,), 5, b"\0" * 8)),
    "content that is no bytes": broken(((1,), "float32", 5)),
    "bytes after the array": {"a": extension(1, ROW.data + b"\0")},
    "an array longer than its place": {"a": extension(1, ROW.data[:-2]), "b": ROW},
    "pieces without a shape": {"a": {"__msgpack_chunked_array__": True, "chunks": {"0": ROW}}},
    "pieces out of order": {
        "a": {"__msgpack_chunked_array__": True, "shape": {"0": 2}, "chunks": {"1": ROW}}
    },
    "no pieces": {"a": {"__msgpack_chunked_array__": True, "shape": {"0": 0}, "chunks": {}}},
    "pieces of another size": {
        "a": {"__msgpack_chunked_array__": True, "shape": {"0": 3}, "chunks": {"0": ROW}}
    },
    "pieces of two formats": {
        "a": {
            "__msgpack_chunked_array__": True,
            "shape": {"0": 3},
            "chunks": {"0": ROW, "1": flax_leaf(torch.ones(2).half())},
        }
    },
    "maps without end": b"\x81\xa1a" * 100,
    "a map of four billion keys": b"\xdf\xff\xff\xff\xff",
    "more entries than any model": {f"{i:05}": {} for i in range(10_001)},
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_a_whole_tree_of_arrays_is_refused_in_one_sentence(
    tmp_path: Path, content: object
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(CheckpointError, match="download it again") as refusal:
        FlaxFile(path)
    message = str(refusal.value)
    assert str(path) in message
    assert "\n" not in message
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


@settings(max_examples=300)
@given(data=st.data())
def test_damage_anywhere_is_refused_or_leaves_a_readable_tree(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = write(tmp_path_factory.mktemp("damaged"), bytes(content))
    try:
        file = FlaxFile(path)
    except CheckpointError:
        return
    for name, tensor in file:
        assert tuple(tensor.shape) == file.specs[name].shape


def test_a_file_that_cannot_be_opened_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="could not be read: No such file"):
        FlaxFile(tmp_path / "absent.msgpack")


def test_a_file_that_shrinks_or_goes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path, {"a": ROW})
    file = FlaxFile(path)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(CheckpointError, match="cut short while it was being read"):
        file.read("a")
    path.unlink()
    with pytest.raises(CheckpointError, match="cannot be read any more: No such file"):
        file.read("a")
