"""Devices and number formats: what a person may name, and what this machine has.

A device or format that was asked for by name is used or refused, never replaced by another.
"""

import torch

from ninefold.errors import UserError

DTYPES: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
"""The number formats that models can be run in, by name."""


_CHOICES = "cpu, cuda, cuda:N, xpu, xpu:N or mps"


def resolve_device(name: str = "auto") -> torch.device:
    """Return the device that `name` stands for.

    Args:
        name: `"auto"` (the first of CUDA/ROCm, Intel's XPU, Apple's MPS and CPU that is there), or
            any name that `torch.device` takes, such as `"cpu"` or `"cuda:1"`.

    Raises:
        UserError: the name is not a device's, or this machine lacks that device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        if torch.xpu.is_available():
            return torch.device("xpu")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"{name!r} is not a device; use auto, {_CHOICES}.") from None
    counts = {"cuda": torch.cuda.device_count, "xpu": torch.xpu.device_count}
    if device.type in counts and (device.index or 0) >= (found := counts[device.type]()):
        kind = device.type.upper()
        raise UserError(f"Device {name!r} was asked for, but PyTorch sees {found} {kind} devices.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UserError("Device 'mps' was asked for, but PyTorch finds no Apple GPU here.")
    if device.type not in ("cpu", "cuda", "xpu", "mps"):
        raise UserError(f"Device type {device.type!r} is not supported; use {_CHOICES}.")
    return device


def resolve_dtype(name: str) -> torch.dtype:
    """Return the torch dtype called `name` (see `DTYPES`).

    Raises:
        UserError: the name is not one of the supported formats.
    """
    try:
        return DTYPES[name]
    except KeyError:
        choices = ", ".join(DTYPES)
        raise UserError(f"{name!r} is not a supported number format; use {choices}.") from None
