"""Loads the C++ module: the wheel's, or compiled once a machine by whatever compiler is there.

For AVX-512 with BF16 and VNNI, or for AVX2, with the products of bytes of AVX-VNNI or AVX-512 where
they are. What is compiled here lies in the data folder under a name that holds a hash of the
sources, the compiler and the processor, so that an update or another machine builds its own.
Nothing but the compiler that `CXX` names, or g++ or clang++, is run.
"""

import contextlib
import ctypes
import functools
import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from ninefold.checkpoints.registry import data_folder
from ninefold.engine.native.compilation import (
    FLAGS,
    SOURCES,
    TARGETS,
    InstructionSet,
    prebuilt_name,
)
from ninefold.errors import NinefoldError, UserError
from ninefold.private_place import make_private, open_private

logger = logging.getLogger(__name__)

NEEDED: dict[InstructionSet, tuple[str, ...]] = {
    "avx512": ("avx2", "fma", "avx512f", "avx512bw", "avx512vl", "avx512_bf16", "avx512_vnni"),
    "avx512vnni": ("avx2", "fma", "avx512f", "avx512vl", "avx512_vnni"),
    "avxvnni": ("avx2", "fma", "avx_vnni"),
    "avx2": ("avx2", "fma"),
}
"""Features of the processor, as Linux names them."""

_PATIENCE_S = 1800
"""For the compiler, which takes a quarter of a minute where it has a core to itself."""

LIMIT_VARIABLE = "NINEFOLD_INSTRUCTIONS"
"""Environment variable that keeps the engine from instructions that are there: the name of the set
that it may go up to, or `none`."""


class NativeUnavailableError(NinefoldError):
    """The module cannot be built or run here; the message says why."""


class NativeLibrary:
    """The module's functions, each on as many threads as PyTorch's in the calling thread."""

    def __init__(self, module: ctypes.CDLL) -> None:
        self._module = module
        number = ctypes.c_int64
        module.use_threads.argtypes = [number]
        module.packed_size.argtypes = [number, number, number]
        module.packed_size.restype = number

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(self._module, name)

        def run(*arguments: object) -> Any:
            self._module.use_threads(torch.get_num_threads())
            return function(*arguments)

        setattr(self, name, run)  # not asked for again
        return run


def processor_flags() -> frozenset[str]:
    """Return what Linux says that the processor can do; nothing on other systems."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("flags"):
                return frozenset(line.split())
    return frozenset()


def why_not(instructions: InstructionSet) -> str:
    """Return why this processor cannot run a set, or nothing where it can.

    Raises:
        UserError: the environment variable names no set.
    """
    limit = os.environ.get(LIMIT_VARIABLE, "")
    order = ("none", *reversed(NEEDED))
    if limit and limit not in order:
        raise UserError(f"{LIMIT_VARIABLE}={limit!r} is unknown; use {', '.join(order)}.")
    if limit and order.index(limit) < order.index(instructions):
        return f"{LIMIT_VARIABLE}={limit} forbids {instructions}"
    flags = processor_flags()
    if not flags:
        return "the native decoder runs on Linux only"
    missing = [name for name in NEEDED[instructions] if name not in flags]
    return f"this processor has no {', '.join(missing)}" if missing else ""


def best_instructions() -> InstructionSet:
    """Return the fastest set that runs here.

    Raises:
        NativeUnavailableError: none does.
    """
    for instructions in NEEDED:
        if not why_not(instructions):
            return instructions
    raise NativeUnavailableError(why_not("avx2"))


def load_library() -> NativeLibrary:
    """Return the module for the best set that runs here, built if it was not before.

    A compiler that is too old for AVX2's further instructions builds for AVX2 alone: the formats
    and their meaning are the same.

    Raises:
        NativeUnavailableError: the processor lacks a feature, or there is no compiler, or it fails.
    """
    chosen = best_instructions()
    try:
        return _load(chosen)
    except NativeUnavailableError as error:
        is_hopeless = find_compiler() is None and prebuilt("avx2") is None
        if chosen in ("avx512", "avx2") or is_hopeless:
            raise
        logger.warning("%s; drawing without %s", error, chosen)
        return _load("avx2")


def find_compiler() -> str | None:
    """Return the C++ compiler that would be run, or None."""
    named = os.environ.get("CXX")
    return shutil.which(named) if named else shutil.which("g++") or shutil.which("clang++")


def prebuilt(instructions: InstructionSet) -> Path | None:
    """Return the module that the wheel carries for a set; a checkout has none."""
    here = Path(__file__).parent
    path = here / "built" / prebuilt_name(here, instructions)
    return path if path.is_file() else None


@functools.cache
def _load(instructions: InstructionSet) -> NativeLibrary:
    carried = prebuilt(instructions)
    if carried is not None:
        return _open(carried)
    compiler = find_compiler()
    if compiler is None:
        raise NativeUnavailableError("there is no C++ compiler; install g++ or set CXX")
    # What was looked at is opened, whatever has its name by now. The descriptor stays open, since
    # the system tells libraries apart by their names.
    return _open(Path(f"/proc/self/fd/{_build(compiler, instructions)}"))


def _open(path: Path) -> NativeLibrary:
    try:
        return NativeLibrary(ctypes.CDLL(str(path)))
    except OSError as error:
        raise NativeUnavailableError(f"the built module cannot be loaded: {error}") from None


def _build(compiler: str, instructions: InstructionSet) -> int:
    """Return the compiled module, opened; compiled now where there is none of this user's."""
    texts = {name: (Path(__file__).parent / name).read_bytes() for name in SOURCES}
    version = subprocess.run([compiler, "--version"], capture_output=True, check=False).stdout
    options = [*TARGETS[instructions], *FLAGS]
    identity = [*texts.values(), version, " ".join([*options, *sorted(processor_flags())]).encode()]
    digest = hashlib.sha256(b"\0".join(identity)).hexdigest()[:16]
    path = data_folder() / "native" / f"decoder-{instructions}-{digest}.so"
    try:
        make_private(path.parent)
        file = open_private(path)
        if file is None:
            _compile(compiler, options, path)
            file = open_private(path)
    except (OSError, UserError, subprocess.TimeoutExpired) as error:
        raise NativeUnavailableError(f"the module could not be built: {error}") from None
    if file is None:
        raise NativeUnavailableError(f"the built module {str(path)!r} is not this user's alone")
    return file


def _compile(compiler: str, options: Sequence[str], path: Path) -> None:
    """Compile beside the place and rename, so that no other process sees half a file."""
    with tempfile.TemporaryDirectory(dir=path.parent) as work:
        part = Path(work) / path.name
        source = Path(__file__).parent / "decoder.cpp"
        command = [compiler, *options, "-o", str(part), str(source)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S
        )
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if "error" in line]
            raise NativeUnavailableError(f"{compiler} failed: {' '.join(lines[:1])}")
        part.chmod(0o700)
        part.replace(path)
