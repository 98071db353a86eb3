"""The codes that a step chooses from: guided logits, and of them the likeliest.

A backend may bring a faster way that gives the same codes and numbers.

Shapes: B pictures, K codes.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ninefold.generation.sampling import guide_logits, top_codes


@dataclass(frozen=True)
class Guidance:
    """Settings that pictures share which are chosen for together."""

    condition_scale: float
    is_guided: bool
    """Whether the row after each picture's is the unconditional one."""
    top_k: int
    """Codes to keep; 0 keeps all."""
    num_codes: int


@dataclass(frozen=True)
class Selection:
    """What is left to draw from."""

    codes: Tensor
    """(B, K) int64, ascending along each row."""
    logits: Tensor
    """(B, K) float32, guided; zeros where they were not finite."""
    is_finite: Tensor
    """(B,) bool: whether all guided logits of a picture are numbers."""


Select = Callable[[Tensor, Tensor, Guidance], Selection]
"""Takes logits (R, V), the row of each picture (B,), and the settings."""


def select_codes(logits: Tensor, rows: Tensor, guidance: Guidance) -> Selection:
    """Guide and keep the likeliest codes by the functions of `generation.sampling`."""
    unconditional = logits[rows + 1] if guidance.is_guided else None
    guided = guide_logits(logits[rows], unconditional, guidance.condition_scale, guidance.num_codes)
    is_finite = guided.isfinite().all(dim=1)
    if not bool(is_finite.all()):
        guided = guided.nan_to_num(0.0, 0.0, 0.0)
    codes = top_codes(guided, guidance.top_k)
    return Selection(codes, guided.gather(1, codes), is_finite)


def is_all(guidance: Guidance) -> bool:
    """Return whether every code is kept."""
    return not 0 < guidance.top_k < guidance.num_codes
