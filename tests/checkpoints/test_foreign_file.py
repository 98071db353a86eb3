"""Laws of files that others wrote: whatever is in them, a sentence names the file, or they read."""

import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from ninefold.checkpoints.config_json import read_json
from ninefold.checkpoints.flax_msgpack import FlaxFile
from ninefold.checkpoints.foreign_file import decoding
from ninefold.checkpoints.registry import holds_model
from ninefold.checkpoints.safetensors_file import SafetensorsFile
from ninefold.checkpoints.torch_files import TorchFile
from ninefold.errors import CheckpointError, NinefoldError, UserError
from tests.checkpoints.published_files import extension, flax_leaf, pack

STATE = {"a.weight": torch.arange(60.0).reshape(6, 10), "b": torch.ones(7).half()}
Open = Callable[[Path], Any]


def torch_archive(path: Path) -> None:
    torch.save(STATE, path)


def torch_legacy(path: Path) -> None:
    torch.save(STATE, path, _use_new_zipfile_serialization=False)


def flax(path: Path) -> None:
    path.write_bytes(pack({"a": {name: flax_leaf(each) for name, each in STATE.items()}}))


def safetensors(path: Path) -> None:
    save_file(STATE, path)


KINDS: list[tuple[Callable[[Path], None], Open]] = [
    (torch_archive, TorchFile),
    (torch_legacy, TorchFile),
    (flax, FlaxFile),
    (safetensors, SafetensorsFile),
]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return a file with some damage: bytes changed, cut off, doubled, or put elsewhere."""
    content = bytearray(data)
    kind = chance.randrange(5)
    at = chance.randrange(len(content))
    if kind == 0:
        for _ in range(chance.randrange(1, 9)):
            content[chance.randrange(len(content))] = chance.randrange(256)
    elif kind == 1:
        del content[at:]
    elif kind == 2:
        del content[at : at + chance.randrange(1, 64)]
    elif kind == 3:
        content[at:at] = content[: chance.randrange(1, 64)]
    else:
        content[at] ^= 1 << chance.randrange(8)
    return bytes(content)


@pytest.mark.parametrize(("write", "open_file"), KINDS)
def test_whatever_is_damaged_is_said_of_the_file_or_reads(
    tmp_path: Path, write: Callable[[Path], None], open_file: Open
) -> None:
    path = tmp_path / "weights"
    write(path)
    data, chance = path.read_bytes(), random.Random(1)
    told = []
    for _ in range(400):
        path.write_bytes(mutated(data, chance))
        try:
            file = open_file(path)
            for name in file.specs:
                file.read(name).sum()
        except NinefoldError as error:
            told.append(str(error))
    assert len(told) > 50
    assert [text for text in told if str(path) not in text or "\n" in text] == []


def test_an_archive_with_compressed_records_is_refused_unread(tmp_path: Path) -> None:
    plain, path = tmp_path / "plain.pt", tmp_path / "weights.pt"
    torch.save({"a": torch.zeros(1_000_000)}, plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for record in old.infolist():
            new.writestr(record.filename, old.read(record))
    with pytest.raises(CheckpointError, match=r"weights\.pt holds compressed records"):
        TorchFile(path)


@pytest.mark.parametrize(
    "tensor",
    [torch.ones(1).expand(10**9), torch.ones(1).expand(1000, 1000), torch.ones(3, device="meta")],
    ids=["one number a billion times", "a square of one number", "no numbers"],
)
def test_a_tensor_that_claims_more_numbers_than_are_there_is_refused(
    tmp_path: Path, tensor: torch.Tensor
) -> None:
    torch.save({"a": tensor}, tmp_path / "weights.pt")
    with pytest.raises(CheckpointError, match=r"weights\.pt"):
        TorchFile(tmp_path / "weights.pt")


def test_tensors_that_share_their_numbers_are_read_but_not_without_end(tmp_path: Path) -> None:
    shared = torch.ones(10_000)
    path = tmp_path / "weights.pt"
    torch.save({"a": shared, "b": shared.reshape(100, 100)}, path)
    assert TorchFile(path).read("b").shape == (100, 100)
    torch.save({f"{number}": shared for number in range(1000)}, path)
    with pytest.raises(CheckpointError, match=r"weights\.pt is damaged"):
        TorchFile(path)


@pytest.mark.parametrize("shape", [(0, 2**63), (0, 2**40, 2**40), (2**62, 0), (2**50, 0, 0)])
def test_a_shape_that_no_tensor_has_is_refused_although_it_holds_nothing(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    path = tmp_path / "flax_model.msgpack"
    path.write_bytes(pack({"a": extension(1, (shape, "float32", b""))}))
    with pytest.raises(CheckpointError, match="has the shape"):
        FlaxFile(path)
    pieces = {"__msgpack_chunked_array__": True, "shape": dict(zip("0123", shape, strict=False))}
    pieces["chunks"] = {"0": extension(1, ((0,), "float32", b""))}
    path.write_bytes(pack({"a": pieces}))
    with pytest.raises(CheckpointError, match="has the shape"):
        FlaxFile(path)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' * 100_000, "{", "\xff", ""])
def test_a_configuration_that_is_no_json_is_said_of_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(CheckpointError, match=r"config\.json is damaged"):
        read_json(path)
    assert not holds_model(tmp_path)


@pytest.mark.parametrize(
    "error", [AttributeError("a"), IndexError(), RecursionError(), AssertionError(), TypeError()]
)
def test_whatever_a_decoder_raises_is_explained(tmp_path: Path, error: Exception) -> None:
    with (
        pytest.raises(CheckpointError, match="explained"),
        decoding(tmp_path, lambda _: CheckpointError("explained")),
    ):
        raise error


def test_want_of_memory_and_files_that_are_away_are_told_apart_from_damage(tmp_path: Path) -> None:
    def explain(_: Exception) -> NinefoldError:
        return CheckpointError("damaged")

    with pytest.raises(CheckpointError, match="more memory"), decoding(tmp_path, explain):
        raise MemoryError
    with pytest.raises(UserError, match="could not be read"), decoding(tmp_path, explain):
        (tmp_path / "nothing").read_bytes()
