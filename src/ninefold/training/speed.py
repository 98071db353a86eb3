"""How fast a training step is, against a large matrix product on the same machine.

Knows nothing of what is trained.
"""

import time

import torch

from ninefold.training.autocast import autocast

SIDE = 1024
SECONDS = 0.3


def product_speed(format_name: str) -> float:
    """Measure a large square matrix product under a run's autocast setting.

    Args:
        format_name: as in `TrainConfig.autocast`.

    Returns:
        Floating-point operations a second, of the best of several products.
    """
    left, right = torch.randn(2, SIDE, SIDE)
    best = float("inf")
    ends = time.perf_counter() + SECONDS
    with torch.inference_mode(), autocast(format_name):
        while time.perf_counter() < ends:
            started = time.perf_counter()
            torch.mm(left, right)
            best = min(best, time.perf_counter() - started)
    return 2 * SIDE**3 / best
