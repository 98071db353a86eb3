"""Keys and values that a decoder keeps between steps. Plain storage; no arithmetic."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class KVCache:
    """Keys and values of the decoder's own positions.

    Shapes: L layers, R rows, H heads, N positions, D head width.
    """

    keys: Tensor
    """(L, R, H, N, D)"""
    values: Tensor
    """(L, R, H, N, D)"""

    def append(
        self, layer: int, positions: Tensor, keys: Tensor, values: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Write one position of every row, and return all positions of the layer.

        Args:
            layer: index of the layer.
            positions: (R,), where each row writes.
            keys: (R, H, 1, D).
            values: (R, H, 1, D).

        Returns:
            Keys and values, (R, H, N, D) each; later positions hold what was there before.
        """
        rows = torch.arange(len(positions), device=positions.device)
        self.keys[layer, rows, :, positions] = keys[:, :, 0]
        self.values[layer, rows, :, positions] = values[:, :, 0]
        return self.keys[layer], self.values[layer]


@dataclass(frozen=True)
class CrossCache:
    """Keys and values of the attention to the text, a list item a layer.

    Shapes: P prompts, H heads, T text positions, D head width.
    """

    keys: list[Tensor]
    """(P, H, T, D) each"""
    values: list[Tensor]
    """(P, H, T, D) each"""
    mask: Tensor
    """bool (P, T), False at padding"""
