"""What provenance costs and what it survives, measured on pictures of a folder.

Regime: every PNG of `--clean` (drawn without `--mark`, or photographs) is taken as a clean picture
of 256×256 pixels. Cost: bytes and milliseconds that signing, marking and fingerprinting add to one
picture, the median over 50 of them. The mark: found on how many of the pictures that carry it,
after each attack; found on how many clean ones (false positives). The fingerprint: bits by which
copies differ from their original, and pairs of different pictures that would pass for copies.
Prints tables; the last line is one JSON document.

    python benchmarks/provenance.py --clean pictures/
"""

import argparse
import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from ninefold.pictures.png import encode_png
from ninefold.safety.fingerprint import MATCH_DISTANCE, distance, fingerprint
from ninefold.safety.mark import has_mark, put_mark
from ninefold.safety.provenance import Origin, Provenance
from ninefold.safety.signing_key import load_or_make_key

SIDE = 256
ORIGIN = Origin("pocket", "ab" * 32, mark="1")


def recompress(image: Image.Image, kind: str, quality: int) -> Image.Image:
    """Return what is left of a picture after lossy compression."""
    buffer = io.BytesIO()
    image.save(buffer, kind, quality=quality)
    return Image.open(buffer).convert("RGB")


def crop(image: Image.Image, share: float) -> Image.Image:
    """Cut `share` of the area away, more of it at the left and the top."""
    side = round(SIDE * (1 - share) ** 0.5)
    start = round((SIDE - side) * 0.7)
    return image.crop((start, start, start + side, start + side))


ATTACKS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "none": lambda image: image,
    "JPEG 75": lambda image: recompress(image, "JPEG", 75),
    "WebP 75": lambda image: recompress(image, "WEBP", 75),
    "crop 10 %": lambda image: crop(image, 0.1),
    "crop 10 %, JPEG 75": lambda image: recompress(crop(image, 0.1), "JPEG", 75),
    "crop 10 %, back to size": lambda image: crop(image, 0.1).resize((SIDE, SIDE)),
    "1.5 times, JPEG 75": lambda image: recompress(image.resize((384, 384)), "JPEG", 75),
    "half, JPEG 75": lambda image: recompress(image.resize((128, 128)), "JPEG", 75),
    "half the grey levels": lambda image: image.point(lambda value: value // 2 + 64),
}


def milliseconds(work: Callable[[Image.Image], object], pictures: list[Image.Image]) -> float:
    """Return the median time of `work` on one picture."""
    times = []
    for picture in pictures[:50]:
        start = time.perf_counter()
        work(picture)
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def measure_cost(pictures: list[Image.Image], folder: Path) -> dict[str, float]:
    """Return bytes and milliseconds that provenance adds to one picture."""
    signer = Provenance(load_or_make_key(folder / "signing"))
    files = {id(picture): encode_png(picture) for picture in pictures[:50]}

    def sign(picture: Image.Image) -> bytes:
        return signer.sign(files[id(picture)], "image/png", ORIGIN)

    added = [len(sign(picture)) - len(files[id(picture)]) for picture in pictures[:50]]
    return {
        "bytes": max(added),
        "sign_ms": milliseconds(sign, pictures),
        "mark_ms": milliseconds(put_mark, pictures),
        "fingerprint_ms": milliseconds(fingerprint, pictures),
        "find_mark_ms": milliseconds(has_mark, pictures),
    }


def measure_mark(pictures: list[Image.Image], attack: str) -> tuple[float, float]:
    """Return the shares of marked and of clean pictures on which the mark is found."""
    change = ATTACKS[attack]
    found = sum(has_mark(change(put_mark(picture))) for picture in pictures)
    false = sum(has_mark(change(picture)) for picture in pictures)
    return found / len(pictures), false / len(pictures)


def measure_fidelity(pictures: list[Image.Image]) -> float:
    """Return the mean signal-to-noise ratio of marked pictures in decibels."""
    ratios = []
    for picture in pictures:
        pixels, marked = (np.asarray(each, dtype=float) for each in (picture, put_mark(picture)))
        ratios.append(10 * np.log10(255**2 / np.mean((pixels - marked) ** 2)))
    return float(np.mean(ratios))


def measure_pairs(pictures: list[Image.Image]) -> tuple[int, int]:
    """Return how many pairs of pictures pass for copies, and how many pairs there are.

    Pairs that differ in no pixel by more than a little are copies indeed and are left out.
    """
    prints = [fingerprint(picture) for picture in pictures]
    small = [np.asarray(each.resize((32, 32)), dtype=float) for each in pictures]
    matches = pairs = 0
    for at, first in enumerate(prints):
        for other in range(at):
            if np.abs(small[at] - small[other]).mean() < 4:
                continue
            pairs += 1
            matches += distance(first, prints[other]) <= MATCH_DISTANCE
    return matches, pairs


def main() -> None:
    """Measure, and print tables and one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--clean", type=Path, required=True, help="folder of clean PNG pictures")
    files = sorted(parser.parse_args().clean.rglob("*.png"))
    pictures = [Image.open(path).convert("RGB").resize((SIDE, SIDE)) for path in files]
    with tempfile.TemporaryDirectory() as folder:
        cost = measure_cost(pictures, Path(folder))
    print(f"{len(pictures)} pictures\n")
    print("| cost of one picture | |\n|---|---|")
    for name, value in cost.items():
        print(f"| {name} | {value:.2f} |")
    print(f"\nMarked pictures: {measure_fidelity(pictures):.1f} dB\n")
    print("| attack | mark found | found on clean ones | fingerprint: most bits changed |")
    print("|---|---|---|---|")
    rows = {}
    for attack, change in ATTACKS.items():
        found, false = measure_mark(pictures, attack)
        bits = sorted(distance(fingerprint(each), fingerprint(change(each))) for each in pictures)
        rows[attack] = {"found": found, "false": false, "bits_99": bits[len(bits) * 99 // 100]}
        shown = f"{bits[-1]} (99 %: {rows[attack]['bits_99']})"
        print(f"| {attack} | {found:.1%} | {false:.2%} | {shown} |")
    matches, pairs = measure_pairs(pictures)
    print(f"\nPairs of different pictures that pass for copies: {matches} of {pairs}")
    print(
        json.dumps({"pictures": len(pictures), "cost": cost, "attacks": rows, "matches": matches})
    )


if __name__ == "__main__":
    main()
