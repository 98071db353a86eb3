"""What a picture costs when 1 to 144 are drawn at once: decoding 2 to 288 rows, and painting.

Regime: mini's size with random weights, guidance, one thread, processor time, the least of a few
steps at positions all over a picture: what other programs do beside it hardly counts. Two cores
take half of it where both are free.

    python benchmarks/growth.py [--kinds int8,bfloat16] [--plot FILE.png]

Prints a table and ends with one JSON line.
"""

import argparse
import json
import statistics
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from random_models import MINI
from trace_step import NUM_CODES, least, random_mini

from ninefold.engine.backend import Rows
from ninefold.engine.backends import painter_kind
from ninefold.engine.fast_vqgan import speed_up
from ninefold.engine.measure import fill_cache
from ninefold.engine.native.decoder import NativeBackend
from ninefold.engine.native.structures import Kind
from ninefold.models.dallebart import DalleBart
from ninefold.models.vqgan import VQGAN, VQGANConfig

IMAGES = (1, 2, 4, 9, 18, 36, 72, 144)
POSITIONS = (31, 127, 223)


def step_seconds(backend: NativeBackend, num_images: int) -> float:
    """Return the processor seconds of a step, as a mean over positions."""
    places = torch.arange(2 * num_images)
    return statistics.mean(
        least(
            partial(backend.step, Rows(places, places % 7, torch.full_like(places, p), places % 2)),
            4,
        )
        for p in POSITIONS
    )


def measure(kind: Kind, model: DalleBart) -> dict[str, Any]:
    """Return processor seconds of a picture by how many are drawn at once."""
    backend = NativeBackend(model, NUM_CODES, max(IMAGES), kind)
    tokens = torch.full((MINI.max_text_length,), 5)
    for entry, length in ((0, 12), (1, 2)):
        backend.read_text(entry, tokens, torch.arange(MINI.max_text_length) < length)
    fill_cache(backend, MINI, max(IMAGES))
    vqgan = speed_up(
        VQGAN(VQGANConfig(has_encoder=False)).eval(), painter_kind(f"native-{kind}") or "float32"
    )
    codes = torch.arange(256)[None] * 31 % NUM_CODES
    with torch.inference_mode():
        painting = least(lambda: vqgan.decode(codes), 3)
    steps = {images: step_seconds(backend, images) for images in IMAGES}
    return {
        "painting_s": painting,
        "step_s": steps,
        "picture_s": {n: painting + MINI.image_length * s / n for n, s in steps.items()},
    }


def plot(results: dict[str, Any], path: Path) -> None:
    """Draw the cost of a picture over how many are drawn at once."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 3.6))
    for kind, result in results.items():
        axes.plot(IMAGES, list(result["picture_s"].values()), marker="o", label=kind)
        axes.axhline(result["painting_s"], linestyle=":", linewidth=1, color="grey")
    axes.set_xscale(
        "log",
        base=2,
    )
    axes.set_xticks(IMAGES, [str(images) for images in IMAGES])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("pictures at once")
    axes.set_ylabel("processor seconds a picture")
    axes.set_title("Mini's size; dotted: painting alone", fontsize=10)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure each kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", default="int8,bfloat16")
    parser.add_argument("--plot", type=Path, help="a PNG to draw; needs matplotlib")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = random_mini()
    results = {kind: measure(cast("Kind", kind), model) for kind in options.kinds.split(",")}
    heads = [f"{kind}: step | {kind}: a picture" for kind in results]
    print(f"| pictures at once | {' | '.join(heads)} |")
    print("|---|" + "---|" * 2 * len(results))
    for images in IMAGES:
        cells = [
            f"{1e3 * result['step_s'][images]:.1f} ms | {result['picture_s'][images]:.2f} s"
            for result in results.values()
        ]
        print(f"| {images} | {' | '.join(cells)} |")
    print(json.dumps({"benchmark": "growth", "torch": torch.__version__, **results}))
    if options.plot:
        plot(results, options.plot)


if __name__ == "__main__":
    main()
