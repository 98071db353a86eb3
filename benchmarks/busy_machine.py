"""How long a drawing takes beside programs that keep the cores busy, with N threads and with one.

    python benchmarks/busy_machine.py                       # as many busy loops as cores
    taskset -c 1 python benchmarks/busy_machine.py --loops 1 --threads 2

Drawings with one thread and with several take turns, so that both meet the same moments. The ratio
of their medians should stay below 1.5, for every way to draw. Prints a JSON document.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import time

from ninefold.generation.params import SamplingParams
from ninefold.pipeline import TextToImage


def loop() -> None:
    """Keep a core busy."""
    while True:
        pass


def draw_seconds(painter: TextToImage, count: int) -> float:
    """Draw once and return how long it took."""
    start = time.perf_counter()
    painter.draw("a red apple", SamplingParams(seed=7, count=count))
    return time.perf_counter() - start


def main() -> None:
    """Measure, and print what was measured."""
    cores = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--threads", type=int, default=max(2, cores))
    parser.add_argument("--loops", type=int, default=cores)
    parser.add_argument("--count", type=int, default=9)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    painters = {
        number: TextToImage.load(given.model, "cpu", given.dtype, threads=number)
        for number in (1, given.threads)
    }
    for painter in painters.values():
        draw_seconds(painter, 1)
    busy = [multiprocessing.Process(target=loop, daemon=True) for _ in range(given.loops)]
    for process in busy:
        process.start()
    seconds: dict[int, list[float]] = {number: [] for number in painters}
    for _ in range(given.rounds):
        for number, painter in painters.items():
            seconds[number].append(round(draw_seconds(painter, given.count), 2))
    for process in busy:
        process.kill()
    one, several = (statistics.median(seconds[number]) for number in painters)
    result = {**vars(given), "cores": cores, "seconds": seconds, "ratio": round(several / one, 2)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
