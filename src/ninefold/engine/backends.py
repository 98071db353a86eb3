"""Which backend draws: by name, or the fastest that this machine and model allow."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from torch import nn

from ninefold.checkpoints.load import load_dallebart
from ninefold.checkpoints.mapped_file import MappedFile
from ninefold.checkpoints.model_folder import read_config, weights_file
from ninefold.devices import resolve_dtype
from ninefold.engine.backend import Backend
from ninefold.engine.config import BACKENDS, NATIVE_BACKENDS, STATIC_BACKENDS
from ninefold.engine.eager import EagerBackend
from ninefold.engine.fast_vqgan import PainterKind
from ninefold.engine.loaded_model import LoadedModel
from ninefold.engine.native.decoder import NativeBackend, check_supported
from ninefold.engine.native.library import NativeUnavailableError
from ninefold.engine.native.products import time_products
from ninefold.engine.native.structures import Kind, why_no_kind, why_no_painting
from ninefold.engine.static import StaticBackend, check_static
from ninefold.errors import UnsupportedOptionError, UserError
from ninefold.models.dallebart import DalleBart, DalleBartConfig

logger = logging.getLogger(__name__)

PREFERRED: tuple[Kind, ...] = ("bfloat16", "float32")
"""What `auto` chooses from, the faster first where a processor has its instructions. Eight bits are
faster still, but change pictures more at strong guidance, so they must be asked for by name."""

TOLERANCE = 1.3
"""How much slower than the fastest the preferred kind may be measured: what is drawn must not hang
on a disturbed measurement."""

_FORMATS = {
    "eager": "float32",
    "eager-bfloat16": "bfloat16",
    "eager-float16": "float16",
    "static": "float32",
    "static-bfloat16": "bfloat16",
    "static-float16": "float16",
}
"""Of the backends in PyTorch."""


@dataclass(frozen=True)
class BackendChoice:
    """A backend's name, and why it is that one."""

    name: str
    reason: str
    """One clear line."""


def choose_backend(name: str, config: DalleBartConfig, device: torch.device) -> BackendChoice:
    """Return the backend to draw with; `auto` measures a product of each native kind.

    Raises:
        UserError: there is no such backend, or it cannot draw this model on this device.
    """
    if name not in BACKENDS:
        raise UserError(f"There is no backend {name!r}; use {', '.join(BACKENDS)}.")
    if name == "auto" and device.type != "cpu":
        return _choose_for_accelerator(config, device)
    try:
        if name in STATIC_BACKENDS:
            check_static(config)
        if name in _FORMATS:
            return BackendChoice(name, f"Drawing with {name}, as asked.")
        if device.type != "cpu":
            raise NativeUnavailableError(f"the native decoder does not run on {device.type}")
        check_supported(config)
        kinds = PREFERRED if name == "auto" else (_kind_of(name),)
        if name != "auto" and (reason := why_no_kind(kinds[0])):
            raise NativeUnavailableError(reason)
        seconds = _time_kinds(kinds)
    except (NativeUnavailableError, UnsupportedOptionError) as error:
        if name != "auto":
            raise UserError(
                f"Backend {name!r} cannot draw here: {error}; use auto or eager."
            ) from None
        return BackendChoice("eager", f"Drawing with eager, since {error}.")
    if name != "auto":
        return BackendChoice(name, f"Drawing with {name}, as asked.")
    limit = TOLERANCE * min(seconds.values())
    chosen = next(kind for kind in seconds if seconds[kind] <= limit)
    times = ", ".join(f"{kind} {1e6 * t:.0f}" for kind, t in seconds.items())
    without = [f" ({kind} not, since {why_no_kind(kind)})" for kind in kinds if kind not in seconds]
    reason = (
        f"Drawing with native-{chosen}{''.join(without)}, as measured: 18 rows times 3072×1024 "
        f"take, in µs, {times}, PyTorch float32 {1e6 * _time_torch():.0f}."
    )
    return BackendChoice(f"native-{chosen}", reason)


def _choose_for_accelerator(config: DalleBartConfig, device: torch.device) -> BackendChoice:
    has_bfloat16 = device.type != "cuda" or torch.cuda.is_bf16_supported()
    dtype = "bfloat16" if has_bfloat16 else "float16"
    try:
        check_static(config)
    except UnsupportedOptionError as error:
        return BackendChoice(f"eager-{dtype}", f"Drawing with eager-{dtype}, since {error}.")
    return BackendChoice(f"static-{dtype}", f"Drawing with static-{dtype} on {device.type}.")


def _time_kinds(kinds: tuple[Kind, ...]) -> dict[Kind, float]:
    """Time a product of each kind that the processor can do; the last is the one that asks least.

    Raises:
        NativeUnavailableError: it can do none, or the module cannot be built.
    """
    possible = [kind for kind in kinds if not why_no_kind(kind)]
    if not possible:
        raise NativeUnavailableError(why_no_kind(kinds[-1]))
    return time_products(possible)


def _kind_of(name: str) -> Kind:
    return cast("Kind", name.removeprefix("native-"))


def load_engine_parts(
    folder: Path, device: torch.device, name: str, num_slots: int
) -> tuple[LoadedModel, Backend]:
    """Load a model for the backend called `name`, and log what was chosen and why.

    Raises:
        UserError: there is no such backend, or it cannot draw this model here.
        CheckpointError: the model's files are damaged.
    """
    config = read_config(folder)
    choice = choose_backend(name, config.dallebart, device)
    logger.info(choice.reason)
    num_codes = config.vqgan.n_embed
    backend: Backend
    if choice.name in NATIVE_BACKENDS:
        backend = load_native(folder, choice.name, num_codes, num_slots)
    else:
        dtype = resolve_dtype(_FORMATS[choice.name])
        transformer = load_dallebart(folder, device, dtype)
        backend = build_backend(choice.name, transformer, num_codes, num_slots)
    return LoadedModel.load(folder, device, painter_kind(choice.name)), backend


def load_native(folder: Path, name: str, num_codes: int, num_slots: int) -> NativeBackend:
    """Load a model's transformer into a native backend, a matrix at a time.

    Weights are read in the format that they are stored in, and the memory of the file is given back
    as they are packed. A text encoder that is stored in half precision runs in bfloat16, or in
    float32 for that backend.

    Raises:
        NativeUnavailableError: the native decoder cannot run here.
        UnsupportedOptionError: it does not do this model.
        CheckpointError: the model's file is damaged.
    """
    kind = _kind_of(name)
    model = load_dallebart(folder, "cpu", None)
    file = MappedFile(folder / weights_file("dallebart"))
    if model.lm_head.weight.dtype != torch.float32:
        # PyTorch is slow in bfloat16 where the processor does not multiply it.
        is_float32 = kind == "float32" or bool(why_no_painting("bfloat16"))
        text_format = torch.float32 if is_float32 else torch.bfloat16
        for parameter in model.encoder.parameters():
            stored = parameter.data
            parameter.data = stored.to(text_format)
            if parameter.data is not stored:
                file.release(stored)
    if kind == "float32":
        _release_after_reading(model.encoder, file)
    return NativeBackend(model, num_codes, num_slots, kind, file.release)


def _release_after_reading(encoder: nn.Module, file: MappedFile) -> None:
    """Give back the memory of the encoder's weights after every text.

    A text is read in a moment, and its pictures are drawn and painted for long after it: the file's
    pages need not stay beside all that. They come back from the system's cache at the next text.
    """
    mapped = [parameter for parameter in encoder.parameters() if file.holds(parameter)]

    def release(*_: object) -> None:
        for parameter in mapped:
            file.release(parameter)

    encoder.register_forward_hook(release)


def recipe_dtype(name: str) -> str:
    """Return what a picture's recipe says of a backend: a number format, or which native one."""
    return _FORMATS.get(name, name)


def painter_kind(name: str) -> PainterKind | None:
    """Return the kind of VQGAN that goes with a backend; None for the plain one.

    Where a processor cannot multiply bfloat16, widening it would gain nothing in painting, which is
    bound by operations and not by memory.
    """
    if name not in NATIVE_BACKENDS:
        return None
    is_float32 = name == "native-float32" or bool(why_no_painting("bfloat16"))
    return "float32" if is_float32 else "bfloat16"


def build_backend(name: str, model: DalleBart, num_codes: int, num_slots: int) -> Backend:
    """Build a backend around a model in memory, which must be in the format that the name says."""
    if name in STATIC_BACKENDS:
        return StaticBackend(model, num_codes, num_slots)
    if name in _FORMATS:
        return EagerBackend(model, num_codes, num_slots)
    return NativeBackend(model, num_codes, num_slots, _kind_of(name))


def _time_torch() -> float:
    weight, rows = torch.ones(3072, 1024), torch.ones(18, 1024)
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        F.linear(rows, weight)
        seconds.append(time.perf_counter() - begin)
    return min(seconds)
