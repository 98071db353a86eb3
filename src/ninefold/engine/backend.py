"""What a way of running the decoder must offer: the seam below the runner.

A backend steps rows of one model. It knows nothing of slots, the draw or requests. What a
row gives must not depend on which other rows there are, on their order, or on where they stand;
`self_check` finds out whether that holds on this machine.

Shapes: R rows of a step, T text positions, V codes of the codebook.
"""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from ninefold.engine.selection import Guidance, Selection


@dataclass(frozen=True)
class Rows:
    """The rows that step together; they may stand at different positions. All (R,) int64, CPU."""

    places: Tensor
    """Which row of the cache each is; no two are the same."""
    tokens: Tensor
    """The last token of each; the start token at position 0."""
    positions: Tensor
    """Where these tokens stand."""
    texts: Tensor
    """Entry of the text that each draws."""


class Backend(Protocol):
    """Runs the decoder of one model."""

    name: str
    """Names it in flags, reports and `EngineInfo`."""
    dtype: str
    """Number format of its matrix products, with what is special about it."""
    num_texts: int
    """Entries for texts."""

    def read_text(self, entry: int, tokens: Tensor, mask: Tensor) -> None:
        """Encode a text and keep its keys and values under `entry`; tokens and mask are (T,)."""

    def step(self, rows: Rows) -> Tensor:
        """Write the rows' tokens to the cache and return the logits of the next code.

        Returns:
            (R, V) float32 on the CPU.
        """

    def select(self, logits: Tensor, rows: Tensor, guidance: Guidance) -> Selection:
        """Guide the logits of a step and keep the likeliest codes; see `selection.select_codes`."""
