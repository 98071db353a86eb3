"""Memory of mapped weights is given back, and the weights are there when somebody looks again."""

from pathlib import Path

import torch

from ninefold.checkpoints.mapped_file import MappedFile
from ninefold.checkpoints.safetensors_file import SafetensorsFile, write_tensors
from ninefold.checkpoints.tensor_source import stream_of


def mapped_bytes(path: Path) -> int:
    """How much of a file's mapping this process holds in memory."""
    total, is_of_file = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(" ", 1)[0]:
            is_of_file = line.endswith(str(path.resolve()))
        elif is_of_file and line.startswith("Rss:"):
            total += int(line.split()[1]) * 1024
    return total


def test_what_was_read_is_given_back_and_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    weights = torch.arange(1 << 20, dtype=torch.float32)
    write_tensors(path, stream_of({"weights": weights}))
    mapped = SafetensorsFile(path).read("weights")
    assert torch.equal(mapped, weights)
    assert mapped_bytes(path) >= 4 << 20
    assert MappedFile(path).holds(mapped)
    assert MappedFile(path).release(mapped) > (4 << 20) - 2 * 4096
    assert mapped_bytes(path) < 1 << 20
    assert torch.equal(mapped, weights)


def test_other_tensors_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, stream_of({"weights": torch.ones(5000)}))
    mapped = SafetensorsFile(path).read("weights")
    own = torch.ones(1 << 20)
    assert not MappedFile(path).holds(own)
    assert MappedFile(path).release(own) == 0
    assert bool((own == 1.0).all())
    assert MappedFile(path).release(mapped[:10]) == 0  # less than a page
    assert MappedFile(tmp_path / "none").release(mapped) == 0
