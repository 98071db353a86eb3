"""The number format of the forward pass: bfloat16 where the processor multiplies it natively."""

from contextlib import AbstractContextManager, nullcontext

import torch


def autocast(name: str) -> AbstractContextManager[None]:
    """Return the context that runs the forward pass in the format called `name`.

    With AVX2 alone bfloat16 was measured at a hundredth of the speed of float32; with AVX-512 BF16
    at more than twice it (docs/LOG.md).

    Args:
        name: `"bfloat16"`, `"float32"`, or `"auto"`: bfloat16 where it pays.
    """
    if name == "bfloat16" or (name == "auto" and _is_native()):
        return torch.autocast("cpu", dtype=torch.bfloat16)
    return nullcontext()


def _is_native() -> bool:
    has_instructions = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported() and has_instructions)
