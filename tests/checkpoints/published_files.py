"""Writes checkpoints in the published formats, so that tests can damage them in one place."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]  # it has no types of its own
import torch
from torch import Tensor

from ninefold.checkpoints.weight_map import Layout, WeightMap

GOLDEN = Path(__file__).parents[1] / "golden"


def extension(code: int, content: object) -> Any:
    """A msgpack extension whose payload is packed `content`, or is `content` if it is bytes."""
    return msgpack.ExtType(code, content if isinstance(content, bytes) else msgpack.packb(content))


def flax_leaf(tensor: Tensor) -> Any:
    """One array as flax packs it: (shape, dtype name, bytes) in extension type 1."""
    raw = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return extension(1, (tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), raw))


def flax_chunks(tensor: Tensor, size: int) -> dict[str, Any]:
    """One array as flax packs those above 2³⁰ bytes, with `size` numbers a piece."""
    return {
        "__msgpack_chunked_array__": True,
        "shape": {str(i): side for i, side in enumerate(tensor.shape)},
        "chunks": {
            str(i): flax_leaf(piece) for i, piece in enumerate(torch.split(tensor.flatten(), size))
        },
    }


def pack(tree: object) -> bytes:
    """A tree as flax packs it."""
    packed: bytes = msgpack.packb(tree, strict_types=True)
    return packed


def nested(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Named tensors as the tree that flax packs; names are paths joined by "/"."""
    tree: dict[str, Any] = {}
    for name, tensor in tensors.items():
        *parents, leaf = name.split("/")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = flax_leaf(tensor)
    return tree


def _inverted(layout: Layout, tensor: Tensor) -> Tensor:
    """`tensor` of ours in the published layout, worked out by hand."""
    if layout is Layout.DENSE:
        return tensor.T
    if layout is Layout.CONV:
        return tensor.permute(2, 3, 1, 0)
    return tensor[None, :, :, 0].transpose(1, 2)[..., None] if layout is Layout.HEADS else tensor


def published(weight_map: WeightMap, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of ours under published names: the table, run backwards."""
    tensors: dict[str, Tensor] = {}
    stacks: dict[str, dict[int, Tensor]] = {}
    for name, tensor in state.items():
        step = weight_map.source_of(name)
        assert step is not None, f"the table has no row for {name}"
        source = _inverted(step.layout, tensor)
        if step.index is None:
            assert step.source not in tensors, f"two tensors of ours come from {step.source}"
            tensors[step.source] = source
        else:
            stack = stacks.setdefault(step.source, {})
            assert step.index not in stack, f"two layers of ours come from {step.source}"
            stack[step.index] = source
    for name, stack in stacks.items():
        tensors[name] = torch.stack([stack[i] for i in range(len(stack))])
    return tensors
