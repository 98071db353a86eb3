"""One step by component: products, attention, norms and gates, sampling, Python.

Regime: mini's size with random weights, guidance, one thread, processor time, the least of a few:
what other programs do beside it hardly counts. Products are timed alone, on the same shapes and
with weights that come from memory as in a step; attention is the growth of a step with the
position; what is left of a step is norms, gating, rounding and the write to the cache.

    python benchmarks/trace_step.py [--kinds int8,bfloat16,float32] [--images 9,18,72]

Prints a table and ends with one JSON line.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
from random_models import MINI, random_tensor

from ninefold.checkpoints.empty_model import build_empty
from ninefold.engine.backend import Rows
from ninefold.engine.measure import fill_cache
from ninefold.engine.native.decoder import NativeBackend
from ninefold.engine.native.products import PackedProduct
from ninefold.engine.native.structures import Kind, ProductKind, kind_for_outliers
from ninefold.engine.runner import ImageInput, Runner
from ninefold.generation.generate import TextInput
from ninefold.generation.params import SamplingParams
from ninefold.models.dallebart import DalleBart

NUM_CODES = 16384
POSITIONS = (0, 31, 63, 95, 127, 159, 191, 223, 255)


def least(action: Callable[[], object], times: int = 8) -> float:
    """Return the least processor seconds of some runs."""
    seconds = []
    for _ in range(times):
        begin = time.process_time()
        action()
        seconds.append(time.process_time() - begin)
    return min(seconds)


def random_mini() -> DalleBart:
    """Build mini with random weights, in memory."""
    noise = torch.randn(1 << 22, generator=torch.Generator().manual_seed(0))
    model = build_empty(DalleBart, MINI)
    state = {name: random_tensor(name, t.shape, noise) for name, t in model.state_dict().items()}
    model.load_state_dict(state, assign=True)
    return model.eval()


def products_of(kind: Kind) -> list[PackedProduct]:
    """Return the products of a step, each with weights of its own."""
    d, inner = MINI.d_model, MINI.decoder_ffn_dim
    down = kind_for_outliers(kind)
    layer: list[tuple[ProductKind, int, int]] = [(kind, 3 * d, d), *[(kind, d, d)] * 3]
    layer += [(kind, 2 * inner, d), (down, d, inner)]
    shapes = layer * MINI.decoder_layers + [(kind, NUM_CODES, d)]
    return [PackedProduct(k, torch.ones(outputs, inputs)) for k, outputs, inputs in shapes]


def trace(kind: Kind, num_images: int, model: DalleBart) -> dict[str, float]:
    """Return milliseconds by component of a step of so many pictures, and of it for nine."""
    num_rows = 2 * num_images
    products = products_of(kind)
    inputs = {width: torch.randn(num_rows, width) for width in (MINI.d_model, MINI.decoder_ffn_dim)}

    multiplied = least(lambda: [product(inputs[product.inputs]) for product in products])
    products.clear()
    backend = NativeBackend(model, NUM_CODES, num_images, kind)
    tokens = torch.full((2, MINI.max_text_length), 5)
    mask = torch.arange(MINI.max_text_length) < torch.tensor([[12], [2]])
    for entry in (0, 1):
        backend.read_text(entry, tokens[entry], mask[entry])
    fill_cache(backend, MINI, num_images)
    places, texts = torch.arange(num_rows), torch.arange(num_rows) % 2
    steps = [
        least(partial(backend.step, Rows(places, places, torch.full((num_rows,), p), texts)))
        for p in POSITIONS
    ]
    mean = sum(steps) / len(steps)
    runner = Runner(backend, NUM_CODES, MINI.image_length)
    for slot in range(num_images):
        runner.begin(slot, ImageInput(TextInput(tokens, mask), SamplingParams(), slot, NUM_CODES))
    whole = least(lambda: runner.run(range(num_images)))
    return {
        "products": 1e3 * multiplied,
        "attention over the cache": 1e3 * (mean - steps[0]),
        "norms, gate, rounding, text": 1e3 * (steps[0] - multiplied),
        "guidance, sampling, Python": 1e3 * (whole - steps[0]),
        "whole step": 1e3 * (mean + whole - steps[0]),
        "of it for nine pictures": 1e3 * (mean + whole - steps[0]) * 9 / num_images,
    }


def main() -> None:
    """Trace each kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", default="int8,bfloat16,float32")
    parser.add_argument("--images", default="9", help="pictures of a step")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = random_mini()
    results: dict[str, Any] = {
        f"{kind}, {images}": trace(cast("Kind", kind), int(images), model)
        for kind in options.kinds.split(",")
        for images in options.images.split(",")
    }
    print(f"| ms of a processor, one thread, pictures | {' | '.join(results)} |")
    print(f"|---|{'---|' * len(results)}")
    for component in next(iter(results.values())):
        values = " | ".join(f"{result[component]:.1f}" for result in results.values())
        print(f"| {component} | {values} |")
    print(json.dumps({"benchmark": "trace_step", "torch": torch.__version__, **results}))


if __name__ == "__main__":
    main()
