"""One run of measurements of a model and a backend, as a table and as one JSON value.

What is measured where is in `measure`; here it is put together and held against the bound.
"""

import asyncio
import dataclasses
import io
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from ninefold.engine.async_engine import AsyncEngine
from ninefold.engine.backends import load_engine_parts
from ninefold.engine.config import EngineConfig
from ninefold.engine.loaded_model import LoadedModel
from ninefold.engine.measure import (
    JobTimes,
    MachineSpeed,
    decoding_work,
    least_seconds,
    measure_job,
    measure_machine,
    measure_step,
    painting_work,
)
from ninefold.engine.native.structures import Kind
from ninefold.engine.request import Painted
from ninefold.generation.params import SamplingParams, complete, get_preset

COUNT = 9

Json = dict[str, Any]


@dataclass(frozen=True)
class BenchPlan:
    """What to measure."""

    model: Path
    backend: str = "auto"
    images: tuple[int, ...] = (1, 9, 18)
    """Pictures that step together; two rows each."""
    prompts: tuple[int, ...] = (1, 2)
    """Prompts at once, each of nine pictures, one slot a picture up to 72."""
    threads: int | None = None


def run_bench(plan: BenchPlan, tell: Callable[[str], None] = lambda _: None) -> Json:
    """Measure and return the results.

    Raises:
        UserError: there is no such model or backend.
        CheckpointError: the model's files are damaged.
    """
    torch.set_num_threads(plan.threads or torch.get_num_threads())
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    device = torch.device("cpu")
    num_slots = max(*plan.images, min(72, COUNT * max(plan.prompts)))
    tell("measuring the machine")
    machine = measure_machine()
    tell("loading the model")
    begin = time.perf_counter()
    model, backend = load_engine_parts(plan.model, device, plan.backend, num_slots)
    loaded = time.perf_counter() - begin
    sizes, num_codes = model.config.dallebart, model.config.vqgan.n_embed
    kind = cast("Kind", backend.dtype)
    steps: list[Json] = []
    for images in plan.images:
        tell(f"steps of {images} pictures")
        seconds = measure_step(backend, sizes, images)
        bound = decoding_work(sizes, num_codes, images, kind).seconds(machine) / sizes.image_length
        steps.append({"images": images, "step_s": seconds, "bound_share": bound / seconds})
    tell("painting")
    painting = _measure_painting(model, machine)
    engine = AsyncEngine(
        model, backend, EngineConfig(num_slots=num_slots, num_threads=machine.threads)
    )
    decoding = decoding_work(sizes, num_codes, COUNT, kind).seconds(machine)
    jobs = asyncio.run(_measure_jobs(engine, plan, decoding + painting["bound_s"] * COUNT, tell))
    return {
        "benchmark": "bench",
        "model": model.config.name,
        "backend": backend.name,
        "deterministic": engine.info.is_deterministic,
        "torch": torch.__version__,
        "machine": platform.machine(),
        "threads": machine.threads,
        "load_average": load,
        "peak_gops": {name: round(peak / 1e9, 1) for name, peak in machine.peak.items()},
        "read_gb_s": round(machine.read_bytes_per_second / 1e9, 1),
        "load_s": loaded,
        "steps": steps,
        "painting": painting,
        **jobs,
        "peak_memory_gib": _peak_memory() / 2**30,
    }


def _measure_painting(model: LoadedModel, machine: MachineSpeed) -> Json:
    """One picture with one thread; as many are painted at a time as there are threads."""
    length = model.config.dallebart.image_length
    codes = torch.arange(length) * 31 % model.config.vqgan.n_embed
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    work = painting_work(model.painter.vqgan, codes)
    seconds = least_seconds(lambda: model.painter.paint(codes, 0), 2)
    torch.set_num_threads(threads)
    bound = work.seconds(machine)
    return {
        "picture_one_thread_s": seconds,
        "bound_s": bound,
        "bound_share": bound * threads / seconds,
        "gflop": sum(work.operations.values()) / 1e9,
    }


async def _measure_jobs(
    engine: AsyncEngine, plan: BenchPlan, bound: float, tell: Callable[[str], None]
) -> Json:
    # With guidance for every model, so that what was measured before and elsewhere compares.
    params = complete(SamplingParams(count=COUNT), get_preset("dalle-mini")).params
    length = engine.info.image_length

    def save(event: Painted) -> None:
        event.picture.image.save(io.BytesIO(), "PNG")

    async with engine:
        tell("one picture")
        one = await measure_job(engine, 1, dataclasses.replace(params, count=1), length // 16, save)
        tell("nine pictures")
        nine = [await measure_job(engine, 1, params, 0, save) for _ in range(2)]
        best = min(nine, key=lambda times: times.last_picture)
        many: list[Json] = []
        for prompts in plan.prompts:
            tell(f"{prompts} prompts at once")
            times = best if prompts == 1 else await measure_job(engine, prompts, params, 0, save)
            many.append({"prompts": prompts, "pictures_per_s": _rate(times)})
    return {
        "one_picture": {"first_preview_s": one.first_preview, "done_s": one.last_picture},
        "nine_pictures": {
            "runs_s": [times.last_picture for times in nine],
            "first_picture_s": best.first_picture,
            "done_s": best.last_picture,
            "cpu_s": best.cpu,
            "bound_share": bound / best.last_picture,
            "pictures_per_day": 86_400 * _rate(best),
        },
        "prompts": many,
    }


def _rate(times: JobTimes) -> float:
    return times.num_pictures / times.last_picture


def _peak_memory() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def table(result: Json) -> str:
    """Return the results as a table in Markdown."""
    peaks = ", ".join(f"{name} {gops:.0f}" for name, gops in result["peak_gops"].items())
    nine, one, painting = result["nine_pictures"], result["one_picture"], result["painting"]
    rows: list[Sequence[str]] = [
        ("what", "measured", "share of the bound"),
        ("---", "---", "---"),
        ("peak, 10⁹ operations a second", peaks, ""),
        ("load of the machine before", str(result["load_average"]), ""),
        ("reading memory", f"{result['read_gb_s']:.0f} GB/s", ""),
        ("loading", f"{result['load_s']:.1f} s", ""),
        *(
            (
                f"step, {step['images']} pictures ({2 * step['images']} rows)",
                f"{1e3 * step['step_s']:.1f} ms",
                f"{step['bound_share']:.0%}",
            )
            for step in result["steps"]
        ),
        (
            "painting a picture with one thread",
            f"{painting['picture_one_thread_s']:.2f} s",
            f"{painting['bound_share']:.0%}",
        ),
        ("one picture, to the first preview", _seconds(one["first_preview_s"]), ""),
        ("one picture, done", _seconds(one["done_s"]), ""),
        ("nine pictures, first done", _seconds(nine["first_picture_s"]), ""),
        ("nine pictures, all as PNG", _seconds(nine["done_s"]), f"{nine['bound_share']:.0%}"),
        ("of it processor time of all threads", _seconds(nine["cpu_s"]), ""),
        ("pictures a day", f"{nine['pictures_per_day']:,.0f}", ""),
        *(
            (f"{entry['prompts']} prompts at once", f"{entry['pictures_per_s']:.2f} pictures/s", "")
            for entry in result["prompts"]
        ),
        ("most memory", f"{result['peak_memory_gib']:.2f} GiB", ""),
    ]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    title = (
        f"{result['model']} with {result['backend']}, {result['threads']} threads, "
        f"deterministic: {str(result['deterministic']).lower()}"
    )
    return "\n".join([title, "", *lines])


def _seconds(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f} s"
