"""A matrix product of the C++ module by itself, for tests, measurements and choosing a kind."""

import ctypes
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from ninefold.engine.native.structures import PANEL, Kind, Packer, ProductKind, load_library_for


class PackedProduct:
    """Weights (outputs, inputs) packed for products of one kind."""

    def __init__(self, kind: ProductKind, weight: Tensor) -> None:
        self._packer = Packer(load_library_for("int8" if kind == "int8-wide" else kind))
        self._linear = self._packer.linear(kind, weight)
        self.outputs, self.inputs = weight.shape

    def __call__(self, rows: Tensor) -> Tensor:
        """(R, inputs) float32 to (R, outputs) float32."""
        num_rows = len(rows)
        rounded = torch.empty(num_rows, self.inputs + 1, dtype=torch.int32)
        scale = torch.empty(num_rows)
        out = torch.empty(num_rows, -(-self.outputs // PANEL) * PANEL)
        self._packer.library.multiply_alone(
            ctypes.byref(self._linear),
            ctypes.c_void_p(rows.contiguous().data_ptr()),
            ctypes.c_int64(num_rows),
            *(ctypes.c_void_p(tensor.data_ptr()) for tensor in (rounded, scale, out)),
        )
        return out[:, : self.outputs]


def time_products(
    kinds: Sequence[Kind], num_rows: int = 18, width: int = 1024
) -> dict[Kind, float]:
    """Return, by kind, the least seconds of products of `num_rows` rows with (3 · width, width).

    The kinds take turns, so that what disturbs the machine disturbs all.
    """
    weight, rows = torch.ones(3 * width, width), torch.ones(num_rows, width)
    products = {kind: PackedProduct(kind, weight) for kind in kinds}
    seconds = dict.fromkeys(kinds, float("inf"))
    for _ in range(30):
        for kind, product in products.items():
            begin = time.perf_counter()
            product(rows)
            seconds[kind] = min(seconds[kind], time.perf_counter() - begin)
    return seconds
