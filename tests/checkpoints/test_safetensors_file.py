"""Our safetensors writer: what the library reads is what was streamed, in any order."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from ninefold.checkpoints.safetensors_file import SafetensorsFile, write_tensors
from ninefold.checkpoints.tensor_source import TensorStream, stream_of
from ninefold.errors import CheckpointError, UserError

TENSORS = {
    "half": torch.arange(3).half(),
    "scalar": torch.tensor(2.5),
    "double": torch.rand(2, 2).double(),
    "empty": torch.zeros(0, 3),
    "brain": torch.rand(5).bfloat16(),
    "view": torch.arange(6.0).reshape(2, 3).T,
}


@given(order=st.permutations(list(TENSORS)))
def test_tensors_may_come_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, order: list[str]
) -> None:
    path = tmp_path_factory.mktemp("order") / "x.safetensors"
    specs = stream_of(TENSORS).specs
    write_tensors(path, TensorStream(specs, lambda: [(name, TENSORS[name]) for name in order]))
    read = load_file(path)
    assert read.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert torch.equal(read[name], tensor)
        assert read[name].dtype == tensor.dtype


def test_every_tensor_is_aligned_and_the_header_padded(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, stream_of(TENSORS))
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0
    header = json.loads(content[8 : 8 + length])
    widths = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
    for name, entry in header.items():
        if name != "__metadata__":
            assert entry["data_offsets"][0] % widths[entry["dtype"]] == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_stream_can_be_stored_in_another_format(tmp_path: Path, dtype: torch.dtype) -> None:
    path = tmp_path / "x.safetensors"
    stream = stream_of(TENSORS).cast(dtype)
    write_tensors(path, stream)
    assert path.stat().st_size > stream.num_bytes
    for name, tensor in load_file(path).items():
        assert torch.equal(tensor, TENSORS[name].to(dtype))


def test_numbers_beyond_half_precision_are_refused_and_not_made_infinite(tmp_path: Path) -> None:
    stream = stream_of({"big": torch.tensor([1.0, 1e5])}).cast(torch.float16)
    with pytest.raises(CheckpointError, match="Tensor big has numbers that float16 cannot hold"):
        write_tensors(tmp_path / "x.safetensors", stream)


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        write_tensors(path, stream_of(TENSORS))
    assert path.read_bytes() == b"mine"


def test_a_stream_must_keep_its_word(tmp_path: Path) -> None:
    specs = stream_of(TENSORS).specs

    def too_few() -> Iterator[tuple[str, Tensor]]:
        yield "half", TENSORS["half"]

    def misshapen() -> Iterator[tuple[str, Tensor]]:
        yield "half", torch.zeros(4).half()

    with pytest.raises(AssertionError, match="ended without"):
        write_tensors(tmp_path / "a.safetensors", TensorStream(specs, too_few))
    with pytest.raises(AssertionError, match="half is not of the shape announced"):
        write_tensors(tmp_path / "b.safetensors", TensorStream(specs, misshapen))


def test_a_file_reads_as_a_source(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, stream_of(TENSORS))
    source = SafetensorsFile(path)
    assert source.specs == stream_of(TENSORS).specs
    kept = source.read("view")
    row = source.read("view", 1)
    del source
    assert torch.equal(kept, TENSORS["view"])
    assert torch.equal(row, TENSORS["view"][1])


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_file_that_is_cut_short_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, stream_of(TENSORS))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="is damaged or not a safetensors file"):
        SafetensorsFile(path)


def test_formats_that_no_model_has_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"ids": torch.arange(3).int()}, path)
    with pytest.raises(CheckpointError, match="stores ids as I32"):
        SafetensorsFile(path)


def test_a_file_that_cannot_be_opened_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="could not be read: No such file"):
        SafetensorsFile(tmp_path / "absent.safetensors")
