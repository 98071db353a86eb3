"""The structures that the C++ module reads, and the tensors that they point into.

Mirrors the declarations in the C++ sources field by field. Every pointer is into a tensor that is
kept by the object that built it.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from ninefold.engine.native.library import (
    NativeLibrary,
    NativeUnavailableError,
    load_library,
    why_not,
)
from ninefold.models.layers import BiasLayerNorm

Kind = Literal["float32", "bfloat16", "int8"]

KINDS: dict[Kind, int] = {"float32": 0, "bfloat16": 1, "int8": 2}

ProductKind = Kind | Literal["int8-wide"]

PRODUCT_KINDS: dict[ProductKind, int] = {
    "float32": 0,
    "bfloat16": 1,
    "int8": 2,
    "int8-wide": 3,
}
"""Of products alone: int8-wide has weights of eight bits and inputs of twelve, and is there where
AVX-512's products of bfloat16 are not."""


def why_no_kind(kind: Kind) -> str:
    """Return why this processor cannot do products of a kind, or nothing where it can."""
    assert kind in KINDS
    return why_not("avx2")


def kind_for_outliers(kind: Kind) -> ProductKind:
    """Return the kind of a product whose inputs have outliers, in a decoder of a kind.

    In eight bits such inputs make three times the error of all other products together.
    """
    if kind != "int8":
        return kind
    return "int8-wide" if why_not("avx512") else "bfloat16"


def why_no_painting(kind: Kind) -> str:
    """Return why this processor cannot paint in a kind, or nothing where it can."""
    return why_not("avx2" if kind == "float32" else "avx512")


def load_library_for(kind: Kind) -> NativeLibrary:
    """Return the module for products of a kind.

    Raises:
        NativeUnavailableError: it cannot be built or run here.
    """
    if reason := why_no_kind(kind):
        raise NativeUnavailableError(reason)
    return load_library()


def load_painting_library(kind: Kind) -> NativeLibrary:
    """Return the module for pictures of a kind, float32 or bfloat16.

    Raises:
        NativeUnavailableError: it cannot be built or run here.
    """
    if reason := why_no_painting(kind):
        raise NativeUnavailableError(reason)
    return load_library()


PANEL = 48
"""Output columns that are computed together; products have whole panels of them."""

KEY_BLOCK = 16
"""Keys of attention that lie side by side; caches have whole blocks of them."""

_Pointer = ctypes.c_void_p
_Number = ctypes.c_int64


class Norm(ctypes.Structure):
    """LayerNorm; null for what it does not have."""

    _fields_ = (("weight", _Pointer), ("bias", _Pointer))


class Linear(ctypes.Structure):
    """A packed matrix."""

    _fields_ = (
        ("panels", _Pointer),
        ("column_scale", _Pointer),
        ("column_sum", _Pointer),
        ("outputs", _Number),
        ("inputs", _Number),
        ("kind", _Number),
    )


class LayerStruct(ctypes.Structure):
    """A layer and its part of the caches."""

    _fields_ = (
        *(
            (name, Norm)
            for name in ("self_pre", "self_post", "cross_pre", "cross_post", "ffn_pre", "ffn_mid")
        ),
        *(
            (name, Linear)
            for name in ("qkv", "self_out", "cross_query", "cross_out", "gate_up", "down")
        ),
        *((name, _Pointer) for name in ("keys", "values", "text_keys", "text_values")),
    )


class DecoderStruct(ctypes.Structure):
    """The whole decoder."""

    _fields_ = (
        *(
            (name, _Number)
            for name in (
                "cache_kind",
                "layers",
                "width",
                "heads",
                "inner",
                "length",
                "text_length",
                "activation",
            )
        ),
        ("embed_scale", ctypes.c_float),
        ("embed_tokens", _Pointer),
        ("embed_positions", _Pointer),
        ("embed_norm", Norm),
        ("final_norm", Norm),
        ("has_final_norm", _Number),
        ("layer", ctypes.POINTER(LayerStruct)),
        ("head", Linear),
        ("text_lengths", _Pointer),
        ("x", _Pointer),
        ("wide", _Pointer),
        ("attended", _Pointer),
        ("row_scale", _Pointer),
        ("inputs", _Pointer),
    )


@dataclass
class Packer:
    """Packs weights and keeps what structures point to."""

    library: NativeLibrary
    release: Callable[[Tensor], object] = lambda _: None
    """Called with weights that were packed and are not read again."""
    kept: list[Tensor] = field(default_factory=list)

    def keep(self, tensor: Tensor) -> int:
        """Keep a tensor alive, and return the address of its content."""
        assert tensor.is_contiguous()
        self.kept.append(tensor)
        return tensor.data_ptr()

    def norm(self, module: nn.Module) -> Norm:
        """Return a LayerNorm's structure."""
        assert isinstance(module, nn.LayerNorm | BiasLayerNorm)
        weight = getattr(module, "weight", None)
        return Norm(
            None if weight is None else self.keep(weight.detach().float().contiguous()),
            self.keep(module.bias.detach().float().contiguous()),
        )

    def linear(self, kind: ProductKind, *weights: Tensor) -> Linear:
        """Pack matrices (outputs, inputs), one below the other, for products of a kind."""
        weight = torch.cat([w.detach().float() for w in weights]).contiguous()
        for packed in weights:
            self.release(packed)
        outputs, inputs = weight.shape
        size = self.library.packed_size(PRODUCT_KINDS[kind], outputs, inputs)
        padded = -(-outputs // PANEL) * PANEL
        panels = torch.empty(size, dtype=torch.int32)
        # Only the eight-bit kinds read these, but all take their addresses.
        num_scales = padded if kind.startswith("int8") else 0
        scale = torch.empty(num_scales, dtype=torch.float32)
        sums = torch.empty(num_scales, dtype=torch.int32)
        self.library.pack(
            _Number(PRODUCT_KINDS[kind]),
            _Pointer(weight.data_ptr()),
            _Number(outputs),
            _Number(inputs),
            _Pointer(panels.data_ptr()),
            _Pointer(scale.data_ptr()),
            _Pointer(sums.data_ptr()),
        )
        return Linear(
            self.keep(panels),
            self.keep(scale),
            self.keep(sums),
            outputs,
            inputs,
            PRODUCT_KINDS[kind],
        )
