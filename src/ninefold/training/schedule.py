"""Share of the peak learning rate by step: linear warm-up, then cosine decay."""

import math

from ninefold.training.config import TrainConfig


def learning_rate(step: int, config: TrainConfig) -> float:
    """Return AdamW's learning rate of step `step` (0-based)."""
    return config.learning_rate * rate_fraction(step, config)


def rate_fraction(step: int, config: TrainConfig) -> float:
    """Return the share of their peak rates that step `step` (0-based) is taken with."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    decay_steps = max(1, config.num_steps - config.warmup_steps)
    progress = min(1.0, (step - config.warmup_steps) / decay_steps)
    cosine = (1 + math.cos(math.pi * progress)) / 2
    floor = config.final_rate_fraction
    return floor + (1 - floor) * cosine
