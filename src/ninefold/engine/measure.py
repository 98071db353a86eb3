"""Measures an engine and the machine under it: steps, painting, whole jobs, and what they could be.

The bound of a job is what its operations take at the machine's peak, or its bytes at the machine's
bandwidth, whichever is longer, part by part; peak and bandwidth are measured in the same run. Times
are the least of a few, since what disturbs a measurement only adds to it.
"""

import asyncio
import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ninefold.devices import resolve_dtype
from ninefold.engine.async_engine import AsyncEngine
from ninefold.engine.backend import Backend, Rows
from ninefold.engine.native.products import PackedProduct
from ninefold.engine.native.structures import KEY_BLOCK, KINDS, Kind, kind_for_outliers, why_no_kind
from ninefold.engine.native.vqgan_blocks import WinogradConvolution
from ninefold.engine.request import DrawRequest, Finished, Painted, Previewed
from ninefold.generation.params import SamplingParams
from ninefold.models.dallebart import DalleBartConfig
from ninefold.models.vqgan import VQGAN

PEAK_ROWS = 144
READ_BYTES = 1 << 29


@dataclass(frozen=True)
class MachineSpeed:
    """What the processor can do with so many threads."""

    threads: int
    peak: dict[str, float]
    """Operations a second of large products, by number format."""
    read_bytes_per_second: float


@dataclass(frozen=True)
class JobTimes:
    """Seconds from submission."""

    first_preview: float | None
    first_picture: float
    last_picture: float
    num_pictures: int
    cpu: float
    """Processor time of all threads: near `threads · last_picture`, or the machine was shared."""


@dataclass
class Work:
    """Operations by number format, and bytes that must be read."""

    operations: dict[str, float] = field(default_factory=dict)
    bytes_read: float = 0.0

    def seconds(self, machine: MachineSpeed) -> float:
        """Return the least time that the machine needs for it."""
        compute = sum(n / machine.peak[kind] for kind, n in self.operations.items())
        return max(compute, self.bytes_read / machine.read_bytes_per_second)


def measure_machine() -> MachineSpeed:
    """Measure products of 144 rows in each format, and reading of half a gigabyte.

    PyTorch multiplies where the native decoder cannot; eight bits are left out there.
    """
    peak = {}
    weight, rows = torch.ones(3072, 1024), torch.ones(PEAK_ROWS, 1024)
    for kind in KINDS:
        if not why_no_kind(kind):
            product = partial(PackedProduct(kind, weight), rows)
        elif kind != "int8":
            dtype = resolve_dtype(kind)
            product = partial(F.linear, rows.to(dtype), weight.to(dtype))
        else:
            continue
        peak[str(kind)] = 2.0 * PEAK_ROWS * 3072 * 1024 / least_seconds(product, 20)
    numbers = torch.ones(READ_BYTES // 4)
    read = READ_BYTES / least_seconds(numbers.sum, 5)
    return MachineSpeed(torch.get_num_threads(), peak, read)


def least_seconds(action: Callable[[], object], times: int) -> float:
    """Return the least time of some runs, after one that is not counted."""
    seconds = []
    for _ in range(times + 1):
        begin = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - begin)
    return min(seconds[1:])


def fill_cache(backend: Backend, config: DalleBartConfig, num_images: int) -> None:
    """Write to the whole cache of so many pictures, at one position of each block and page.

    Memory that nobody has written to is read as one page of zeros, which is faster than any cache.
    """
    places = torch.arange(2 * num_images)
    for position in range(0, config.image_length, KEY_BLOCK):
        positions = torch.full_like(places, position)
        backend.step(Rows(places, places % 7, positions, places % 2))


def measure_step(backend: Backend, config: DalleBartConfig, num_images: int) -> float:
    """Return the seconds of a step for so many pictures, as a mean over the positions of one."""
    num_rows = 2 * num_images
    tokens = torch.arange(config.max_text_length) % config.encoder_vocab_size
    for entry, length in ((0, 12), (1, 2)):
        backend.read_text(entry, tokens, torch.arange(config.max_text_length) < length)
    places, texts = torch.arange(num_rows), torch.arange(num_rows) % 2
    fill_cache(backend, config, num_images)
    num_points = min(8, config.image_length)
    means = []
    for point in range(num_points):
        position = (2 * point + 1) * config.image_length // (2 * num_points)
        rows = Rows(places, places % 7, torch.full((num_rows,), position), texts)
        means.append(least_seconds(partial(backend.step, rows), 3))
    return statistics.mean(means)


async def measure_job(
    engine: AsyncEngine,
    num_prompts: int,
    params: SamplingParams,
    preview_every: int = 0,
    on_picture: Callable[[Painted], None] = lambda _: None,
) -> JobTimes:
    """Draw some prompts at once and return when previews and pictures came."""
    begin, cpu = time.perf_counter(), time.process_time()
    previews: list[float] = []
    pictures: list[float] = []

    async def draw(number: int) -> None:
        request = DrawRequest(
            f"bench-{number}",
            f"a red hat number {number}",
            dataclasses.replace(params, seed=number),
            requester=str(number),
            preview_every=preview_every,
        )
        async for event in engine.submit(request):
            if isinstance(event, Previewed):
                previews.append(time.perf_counter() - begin)
            elif isinstance(event, Painted):
                on_picture(event)
                pictures.append(time.perf_counter() - begin)
            elif isinstance(event, Finished):
                return

    await asyncio.gather(*(draw(number) for number in range(num_prompts)))
    cpu = time.process_time() - cpu
    return JobTimes(min(previews, default=None), min(pictures), max(pictures), len(pictures), cpu)


def decoding_work(config: DalleBartConfig, num_codes: int, num_images: int, kind: Kind) -> Work:
    """Return the work of all steps of some pictures with guidance that step together.

    Every weight is read once a step, every row's keys and values up to its position.
    """
    rows = 2 * num_images
    weights = _decoder_weights(config, num_codes, kind)
    width = {"float32": 4, "bfloat16": 2, "int8": 1}
    steps = config.image_length
    read = 2 * config.decoder_layers * rows * config.d_model * width[kind] * steps * (steps + 1) / 2
    operations = {k: 2.0 * n * rows * steps for k, n in weights.items()}
    return Work(operations, steps * sum(n * width[k] for k, n in weights.items()) + read)


def _decoder_weights(config: DalleBartConfig, num_codes: int, kind: Kind) -> dict[str, float]:
    """Weights that a step multiplies with, by number format."""
    d, layers = config.d_model, config.decoder_layers
    # With wider inputs it is as fast as its peak, which was measured with them where all have them.
    down: Kind = "bfloat16" if kind_for_outliers(kind) == "bfloat16" else kind
    weights: dict[str, float] = {}
    # Queries, keys, values and output of the own positions; queries and output of the text.
    gate_and_up = (2 if config.use_glu else 1) * d * config.decoder_ffn_dim
    for name, count in (
        (kind, layers * (6 * d * d + gate_and_up) + num_codes * d),
        (down, layers * config.decoder_ffn_dim * d),
    ):
        weights[name] = weights.get(name, 0.0) + count
    return weights


def painting_work(vqgan: VQGAN, codes: Tensor) -> Work:
    """Return the operations of the convolutions of one picture, as they are run."""
    work = Work()
    handles: list[RemovableHandle] = []

    def count(module: nn.Module, _: Sequence[Tensor], output: Tensor) -> None:
        if isinstance(module, WinogradConvolution):
            weight, kind = module.num_points**2 / 4 * module.in_channels, _format_of(output)
        else:
            assert isinstance(module, nn.Conv2d)
            weight, kind = module.weight[0].numel(), _format_of(module.weight)
        operations = 2.0 * weight * output.numel()
        work.operations[kind] = work.operations.get(kind, 0.0) + operations

    for module in vqgan.modules():
        if isinstance(module, nn.Conv2d | WinogradConvolution):
            handles.append(module.register_forward_hook(count))
    with torch.inference_mode():
        vqgan.decode(codes[None])
    for handle in handles:
        handle.remove()
    return work


def _format_of(weight: Tensor) -> str:
    return str(weight.dtype).removeprefix("torch.")
