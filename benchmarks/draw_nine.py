"""Nine pictures at full size with random weights, from prompt to PNG, beside min-dalle 0.4.11.

Regime: the architecture of mini (or another), guidance 10, one process a backend, one after another
in one run on an otherwise quiet machine; every process measures the machine's peak and bandwidth
first. min-dalle is installed from the package index into a folder of its own and run beside ours
with the text and code networks of the same shape; its VQGAN has the published shape always.

    python benchmarks/draw_nine.py [--model mini|mega|pocket-256|tiny] [--backends native-int8,…]
        [--folder FOLDER]

Prints a table a backend and ends with one JSON line.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from random_models import SIZES, random_model

from ninefold.engine.native.structures import KINDS, why_no_kind

Json = dict[str, Any]

PEER = "min-dalle==0.4.11"
PEER_NEEDS = ("requests",)
"""What it imports that ninefold does not need. Its own list would install a second PyTorch."""


def bench(model: Path, backend: str, options: argparse.Namespace) -> Json:
    """Run `ninefold bench` in a process of its own and return its results."""
    command = [sys.executable, "-m", "ninefold", "bench", str(model), "--backend", backend]
    command += ["--images", options.images, "--prompts", options.prompts]
    command += ["--threads", str(options.threads)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    *shown, last = done.stdout.strip().splitlines()
    print("\n".join(shown), end="\n\n", flush=True)
    result: Json = json.loads(last)
    return result


def peer(folder: Path, options: argparse.Namespace) -> Json:
    """Install min-dalle beside our PyTorch, time it, and return its results."""
    packages = install_peer(folder)
    script = Path(__file__).with_name("min_dalle_steps.py")
    command = [sys.executable, str(script), "--threads", str(options.threads)]
    command += ["--shape", json.dumps(dataclasses.asdict(SIZES[options.model]))]
    if options.model == "tiny":  # its pictures are not, and take seconds each
        command += ["--pictures", "1"]
    environment = os.environ | {"PYTHONPATH": str(packages)}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    result: Json = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def install_peer(folder: Path) -> Path:
    """Install min-dalle into a folder of its own, whole or not at all, and return that."""
    packages = folder / "min-dalle"
    if not packages.is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet"]
        with tempfile.TemporaryDirectory(dir=folder) as work:
            target = ["--target", str(Path(work) / "packages")]
            subprocess.run([*pip, *target, *PEER_NEEDS], check=True)
            subprocess.run([*pip, *target, "--no-deps", PEER], check=True)
            (Path(work) / "packages").rename(packages)
    return packages


def main() -> None:
    """Measure all and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=sorted(SIZES), default="mini")
    possible = [kind for kind in reversed(tuple(KINDS)) if not why_no_kind(kind)]
    kinds = ",".join(f"native-{kind}" for kind in possible)
    parser.add_argument("--backends", default=kinds or "eager", help="default: the native ones")
    parser.add_argument("--images", default="1,9,18")
    parser.add_argument("--prompts", default="1,2")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=Path, help="where models are kept; default: temporary")
    parser.add_argument("--no-peer", action="store_true", help="leave min-dalle out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        model = random_model(folder, options.model)
        ours = [bench(model, backend, options) for backend in options.backends.split(",")]
        theirs = None
        if not options.no_peer:
            theirs = peer(folder, options)
    print("| nine pictures | seconds | pictures a day | ratio to min-dalle |")
    print("|---|---|---|---|")
    for result in ours:
        seconds = result["nine_pictures"]["done_s"]
        ratio = f"{theirs['nine_s'] / seconds:.1f}×" if theirs else ""
        print(f"| {result['backend']} | {seconds:.2f} | {9 * 86_400 / seconds:,.0f} | {ratio} |")
    if theirs:
        print(f"| {PEER} | {theirs['nine_s']:.1f} | {9 * 86_400 / theirs['nine_s']:,.0f} | 1× |")
    print(
        json.dumps({"benchmark": "draw_nine", "model": options.model, "ours": ours, "peer": theirs})
    )


if __name__ == "__main__":
    main()
