"""Builds and loads the C++ module: compiled once a machine, by whatever compiler is there.

For AVX-512 with BF16 and VNNI, or for AVX2, which does float32 alone. The result lies in the data
folder under a name that holds a hash of the sources, the compiler and the processor, so that an
update or another machine builds its own. Nothing but the compiler that `CXX` names, or g++ or
clang++, is run.
"""

import contextlib
import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Literal

from ninefold.checkpoints.registry import data_folder
from ninefold.errors import NinefoldError, UserError

InstructionSet = Literal["avx512", "avx2"]

SOURCES = (
    "decoder.cpp",
    "attention.h",
    "byte_attention.h",
    "image.h",
    "pool.h",
    "products.h",
    "rows.h",
    "selection.h",
    "vector.h",
    "winograd.h",
)

FLAGS = (
    "-O3",
    "-std=c++17",
    "-fopenmp",  # only to ask how many threads PyTorch would use
    "-pthread",
    "-shared",
    "-fPIC",
    # Products and sums are rounded as they are written, so that both sets give the same bits.
    "-ffp-contract=off",
    # Without these two, g++ keeps the accumulators of the inner loop in memory.
    "-fno-tree-pre",
    "-fno-gcse",
)

TARGETS: dict[InstructionSet, tuple[str, ...]] = {
    "avx512": ("-march=native",),
    "avx2": ("-mtune=native", "-mavx2", "-mfma"),
}
"""What the compiler is told to compile for, the faster first."""

NEEDED: dict[InstructionSet, tuple[str, ...]] = {
    "avx512": ("avx512f", "avx512bw", "avx512vl", "avx512_bf16", "avx512_vnni"),
    "avx2": ("avx2", "fma"),
}
"""Features of the processor, as Linux names them."""

LIMIT_VARIABLE = "NINEFOLD_INSTRUCTIONS"
"""Environment variable that keeps the engine from instructions that are there: `avx2` or `none`."""


class NativeUnavailableError(NinefoldError):
    """The module cannot be built or run here; the message says why."""


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
    order = ("none", "avx2", "avx512")
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


def load_library(instructions: InstructionSet | None = None) -> ctypes.CDLL:
    """Return the module, built if it was not before, for a set or for the best that runs here.

    Raises:
        NativeUnavailableError: the processor lacks a feature, or there is no compiler, or it fails.
    """
    chosen = instructions or best_instructions()
    if reason := why_not(chosen):
        raise NativeUnavailableError(reason)
    return _load(chosen)


@functools.cache
def _load(instructions: InstructionSet) -> ctypes.CDLL:
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None or shutil.which(compiler) is None:
        raise NativeUnavailableError("there is no C++ compiler; install g++ or set CXX")
    return _open(_build(compiler, instructions))


def _open(path: Path) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise NativeUnavailableError(f"the built module cannot be loaded: {error}") from None
    number = ctypes.c_int64
    library.packed_size.argtypes = [number, number, number]
    library.packed_size.restype = number
    return library


def _build(compiler: str, instructions: InstructionSet) -> Path:
    """Compile beside the place and rename, so that no other process sees half a file."""
    texts = {name: (Path(__file__).parent / name).read_bytes() for name in SOURCES}
    version = subprocess.run([compiler, "--version"], capture_output=True, check=False).stdout
    options = [*TARGETS[instructions], *FLAGS]
    identity = [*texts.values(), version, " ".join([*options, *sorted(processor_flags())]).encode()]
    digest = hashlib.sha256(b"\0".join(identity)).hexdigest()[:16]
    folder = data_folder() / "native"
    path = folder / f"decoder-{instructions}-{digest}.so"
    if path.is_file():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            part = Path(work) / path.name
            source = Path(__file__).parent / "decoder.cpp"
            command = [compiler, *options, "-o", str(part), str(source)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
            if done.returncode:
                lines = [line for line in done.stderr.splitlines() if "error" in line]
                raise NativeUnavailableError(f"{compiler} failed: {' '.join(lines[:1])}")
            part.replace(path)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NativeUnavailableError(f"the module could not be built: {error}") from None
    return path
