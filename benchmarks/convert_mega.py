"""What converting mega costs: memory and time, on a checkpoint of exactly its size.

Regime: random weights in the published layout (flax msgpack, layers stacked), in a temporary
folder, beside a VQGAN of real size; one process writes them, another converts them into a model
folder as `ninefold pull` does, hashes included, and reports the most memory that it ever held
(resident set, mapped files included). Mega is published in float32 (10.4 GB) and, as mega-1-fp16,
in float16. Needs twice the size of the checkpoint on the disk for a while.

    python benchmarks/convert_mega.py [--dtype float16|float32] [--folder FOLDER]

Ends with one JSON line.
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from random_models import MEGA

from ninefold.checkpoints import dallebart, vqgan
from ninefold.checkpoints.convert import ModelSources, convert_model
from ninefold.checkpoints.empty_model import shapes_of
from ninefold.checkpoints.weight_map import WeightMap
from ninefold.models.dallebart import DalleBart
from ninefold.models.vqgan import VQGAN, VQGANConfig

MEGA_PARAMETERS = 2_587_521_024
LIMIT = 8 * 2**30
BLOCK = 1 << 22  # numbers that are drawn once and written again and again

Shape = tuple[int, ...]


def published_shapes(weight_map: WeightMap, ours: Mapping[str, Shape]) -> dict[str, Shape]:
    """Names and shapes of a checkpoint that converts to `ours`."""
    layers: dict[str, int] = {}
    shapes: dict[str, Shape] = {}
    for name, shape in ours.items():
        step = weight_map.source_of(name)
        assert step is not None
        layers[step.source] = layers.get(step.source, 0) + 1
        stack = () if step.index is None else (layers[step.source],)
        shapes[step.source] = (*stack, *step.layout.published(shape))
    return shapes


class FlaxWriter:
    """Writes a msgpack tree of random arrays, a block at a time."""

    def __init__(self, file: BinaryIO, dtype: str) -> None:
        self.file = file
        self.dtype = dtype
        noise = np.random.default_rng(0).standard_normal(BLOCK, dtype=np.float32) * 0.02
        self.block = noise.astype(dtype).tobytes()

    def tree(self, shapes: Mapping[str, Shape]) -> None:
        """Write shapes under paths as nested maps."""
        groups: dict[str, dict[str, Shape]] = {}
        for path, shape in shapes.items():
            head, _, rest = path.partition("/")
            groups.setdefault(head, {})[rest] = shape
        self.file.write(b"\xde" + len(groups).to_bytes(2, "big"))
        for head, inner in groups.items():
            self.text(head)
            if "" in inner:
                self.array(inner[""])
            else:
                self.tree(inner)

    def text(self, text: str) -> None:
        """Write a string of less than 256 bytes."""
        self.file.write(b"\xd9" + len(text).to_bytes(1, "big") + text.encode())

    def array(self, shape: Shape) -> None:
        """Write extension type 1: (shape, number format, bytes)."""
        size = int(np.prod(shape)) * np.dtype(self.dtype).itemsize
        sides = b"".join(b"\xce" + side.to_bytes(4, "big") for side in shape)
        name = b"\xd9" + len(self.dtype).to_bytes(1, "big") + self.dtype.encode()
        start = b"\x93" + bytes([0x90 + len(shape)]) + sides + name
        start += b"\xc6" + size.to_bytes(4, "big")
        self.file.write(b"\xc9" + (len(start) + size).to_bytes(4, "big") + b"\x01" + start)
        while size:
            self.file.write(self.block[:size])
            size -= min(size, len(self.block))


def write_sources(folder: Path, dtype: str) -> ModelSources:
    """Mega and its VQGAN as they are published, with random numbers and an empty vocabulary."""
    sources = ModelSources(folder / "mega", folder / "vqgan")
    mega: dict[str, Any] = {**vars(MEGA), "model_type": "dallebart", "normalize_text": True}
    vqgan_config: dict[str, Any] = {**vars(VQGANConfig())}
    parts: list[tuple[Path, dict[str, Any], WeightMap, dict[str, Shape], str]] = [
        (
            sources.dallebart,
            mega,
            dallebart.flax_map(is_scanned=True),
            shapes_of(DalleBart, MEGA),
            dtype,
        ),
        (sources.vqgan, vqgan_config, vqgan.FLAX, shapes_of(VQGAN, VQGANConfig()), "float32"),
    ]
    for part, config, weight_map, ours, number_format in parts:
        part.mkdir()
        (part / "config.json").write_text(json.dumps(config))
        with (part / "flax_model.msgpack").open("wb") as file:
            FlaxWriter(file, number_format).tree(published_shapes(weight_map, ours))
    vocabulary = {token: i for i, token in enumerate(("<s>", "<pad>", "</s>", "<unk>"))}
    (sources.dallebart / "vocab.json").write_text(json.dumps(vocabulary))
    (sources.dallebart / "merges.txt").write_text("#version: 0.2\n")
    return sources


def convert(folder: Path) -> None:
    """Convert what `write_sources` wrote and print what it cost; runs in a process of its own."""
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    sources = ModelSources(folder / "mega", folder / "vqgan")
    config = convert_model(sources, folder / "model", name="mega", licence="none")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    stored = sum(record.bytes for record in config.files.values())
    unit = 1 if sys.platform == "darwin" else 1024
    result = {
        "seconds": round(time.perf_counter() - begin, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_rss_bytes": usage.ru_maxrss * unit,
        "idle_rss_bytes": idle * unit,
        "stored_bytes": stored,
    }
    print(json.dumps(result))


def main() -> int:
    """Write, convert, print; fail if the conversion took 8 GiB or more."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dtype", choices=("float16", "float32"), default="float16")
    parser.add_argument("--folder", type=Path, help="where to work; default: the temporary folder")
    parser.add_argument("--convert-in", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.convert_in:
        convert(options.convert_in)
        return 0
    count = sum(int(np.prod(shape)) for shape in shapes_of(DalleBart, MEGA).values())
    assert count == MEGA_PARAMETERS
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        sources = write_sources(Path(folder), options.dtype)
        source_bytes = (sources.dallebart / "flax_model.msgpack").stat().st_size
        print(f"{count:,} parameters in {options.dtype}: {source_bytes / 1e9:.2f} GB", flush=True)
        command = [sys.executable, __file__, "--convert-in", folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, Any] = {
        "benchmark": "convert_mega",
        "dtype": options.dtype,
        "parameters": count,
        "source_bytes": source_bytes,
        **json.loads(done.stdout),
        "torch": torch.__version__,
        "machine": platform.machine(),
    }
    peak, idle = result["peak_rss_bytes"], result["idle_rss_bytes"]
    print("| checkpoint | time | CPU time | peak memory | of it before the conversion |")
    print("|---|---|---|---|---|")
    print(
        f"| {source_bytes / 1e9:.2f} GB | {result['seconds']:.0f} s "
        f"| {result['cpu_seconds']:.0f} s | {peak / 2**30:.2f} GiB | {idle / 2**30:.2f} GiB |"
    )
    print(json.dumps(result))
    return 0 if peak < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
