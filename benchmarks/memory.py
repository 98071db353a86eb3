"""What a model costs in memory, and what a step and a picture cost, with few seconds of drawing.

Regime: mini's or mega's size with random weights as they are published, loaded from safetensors as
the engine does, slots for nine pictures, a few steps of nine, one picture painted; one thread, the
least processor time. Run in a process of its own, since memory is the most that it ever held.

    python benchmarks/memory.py [--model mini|mega] [--backend native-int8] [--folder FOLDER]

Prints a table and ends with one JSON line.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from growth import POSITIONS
from random_models import SIZES, random_model
from trace_step import least

from ninefold.engine.backend import Rows
from ninefold.engine.backends import load_engine_parts
from ninefold.engine.measure import fill_cache

NUM_IMAGES = 9


def measure(folder: Path, backend_name: str) -> dict[str, Any]:
    """Load, read texts, step, paint."""
    wall, cpu = time.perf_counter(), time.process_time()
    model, backend = load_engine_parts(folder, torch.device("cpu"), backend_name, NUM_IMAGES)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    sizes = model.config.dallebart
    tokens = torch.full((sizes.max_text_length,), 5)
    mask = torch.arange(sizes.max_text_length) < 16
    text = least(lambda: backend.read_text(0, tokens, mask), 2)
    backend.read_text(1, tokens, mask)
    fill_cache(backend, sizes, NUM_IMAGES)
    places = torch.arange(2 * NUM_IMAGES)
    steps = [
        least(
            lambda p=p: backend.step(Rows(places, places, torch.full_like(places, p), places % 2)),
            3,
        )
        for p in POSITIONS
    ]
    step = sum(steps) / len(steps)
    picture = least(lambda: model.painter.paint(torch.arange(sizes.image_length), 0), 2)
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "load_s": wall,
        "load_cpu_s": cpu,
        "text_cpu_s": text,
        "step_cpu_s": step,
        "picture_cpu_s": picture,
        "nine_cpu_s": text + sizes.image_length * step + NUM_IMAGES * picture,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30,
    }


def main() -> None:
    """Measure one model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=sorted(SIZES), default="mini")
    parser.add_argument("--backend", default="native-int8")
    parser.add_argument("--folder", type=Path, help="where models are kept; default: temporary")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = random_model(options.folder or Path(temporary), options.model)
        result = measure(folder, options.backend)
    for name, value in result.items():
        print(f"| {name} | {value:.3f} |")
    print(
        json.dumps(
            {"benchmark": "memory", "model": options.model, "backend": options.backend, **result}
        )
    )


if __name__ == "__main__":
    main()
