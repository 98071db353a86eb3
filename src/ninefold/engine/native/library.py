"""Builds and loads the C++ module: compiled once a machine, by whatever compiler is there.

The result lies in the data folder under a name that holds a hash of the sources, the compiler and
the processor, so that an update or another machine builds its own. Nothing but the compiler that
`CXX` names, or g++ or clang++, is run.
"""

import contextlib
import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from ninefold.checkpoints.registry import data_folder
from ninefold.errors import NinefoldError

SOURCES = ("decoder.cpp", "attention.h", "image.h", "pool.h", "products.h", "rows.h")

FLAGS = (
    "-O3",
    "-std=c++17",
    "-march=native",
    "-fopenmp",  # only to ask how many threads PyTorch would use
    "-pthread",
    "-shared",
    "-fPIC",
    # Without these two, g++ keeps the accumulators of the inner loop in memory.
    "-fno-tree-pre",
    "-fno-gcse",
)

NEEDED = ("avx512f", "avx512bw", "avx512vl", "avx512_bf16", "avx512_vnni")
"""Features of the processor that the sources use, as Linux names them."""


class NativeUnavailableError(NinefoldError):
    """The module cannot be built or run here; the message says why."""


def processor_flags() -> frozenset[str]:
    """Return what Linux says that the processor can do; nothing on other systems."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("flags"):
                return frozenset(line.split())
    return frozenset()


@functools.cache
def load_library() -> ctypes.CDLL:
    """Return the module, built if it was not before.

    Raises:
        NativeUnavailableError: the processor lacks a feature, or there is no compiler, or it fails.
    """
    flags = processor_flags()
    missing = [name for name in NEEDED if name not in flags]
    if missing:
        raise NativeUnavailableError(f"this processor has no {', '.join(missing)}")
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None or shutil.which(compiler) is None:
        raise NativeUnavailableError("there is no C++ compiler; install g++ or set CXX")
    return _open(_build(compiler, flags))


def _open(path: Path) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise NativeUnavailableError(f"the built module cannot be loaded: {error}") from None
    number = ctypes.c_int64
    library.packed_size.argtypes = [number, number, number]
    library.packed_size.restype = number
    return library


def _build(compiler: str, flags: frozenset[str]) -> Path:
    """Compile beside the place and rename, so that no other process sees half a file."""
    texts = {name: (Path(__file__).parent / name).read_bytes() for name in SOURCES}
    version = subprocess.run([compiler, "--version"], capture_output=True, check=False).stdout
    identity = [*texts.values(), version, " ".join([*FLAGS, *sorted(flags)]).encode()]
    digest = hashlib.sha256(b"\0".join(identity)).hexdigest()[:16]
    folder = data_folder() / "native"
    path = folder / f"decoder-{platform.machine()}-{digest}.so"
    if path.is_file():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            part = Path(work) / path.name
            source = Path(__file__).parent / "decoder.cpp"
            command = [compiler, *FLAGS, "-o", str(part), str(source)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
            if done.returncode:
                lines = [line for line in done.stderr.splitlines() if "error" in line]
                raise NativeUnavailableError(f"{compiler} failed: {' '.join(lines[:1])}")
            part.replace(path)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NativeUnavailableError(f"the module could not be built: {error}") from None
    return path
