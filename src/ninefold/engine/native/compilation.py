"""How the C++ module is compiled: its sources, and the compiler's options.

Read by the build of the wheel as well, so that it imports nothing but Python's own.
"""

import hashlib
from pathlib import Path
from typing import Literal

InstructionSet = Literal["avx512", "avx512vnni", "avxvnni", "avx2"]

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
    "-pthread",
    "-shared",
    "-fPIC",
    # Products and sums are rounded as they are written, so that all sets give the same bits.
    "-ffp-contract=off",
    # Without these two, g++ keeps the accumulators of the inner loop in memory.
    "-fno-tree-pre",
    "-fno-gcse",
)

_AVX2 = ("-mavx2", "-mfma")

TARGETS: dict[InstructionSet, tuple[str, ...]] = {
    "avx512": ("-march=native",),
    "avx512vnni": ("-mtune=native", *_AVX2, "-mavx512vl", "-mavx512vnni"),
    "avxvnni": ("-mtune=native", *_AVX2, "-mavxvnni"),
    "avx2": ("-mtune=native", *_AVX2),
}
"""What the compiler is told to compile for on the machine that draws, the faster first."""

PORTABLE_FLAGS = ("-s", "-static-libstdc++", "-static-libgcc")

PORTABLE_TARGETS: dict[InstructionSet, tuple[str, ...]] = {
    "avx512": (*_AVX2, *(f"-mavx512{part}" for part in ("f", "bw", "vl", "bf16", "vnni"))),
    "avx512vnni": (*_AVX2, "-mavx512vl", "-mavx512vnni"),
    "avxvnni": (*_AVX2, "-mavxvnni"),
    "avx2": _AVX2,
}
"""The same for a wheel, which is to run on every processor that has the set."""


def prebuilt_name(folder: Path, instructions: InstructionSet) -> str:
    """Return the name of a wheel's module; it holds a hash of the sources in `folder`.

    So one that was left from other sources is not found.
    """
    digest = hashlib.sha256(b"\0".join((folder / name).read_bytes() for name in SOURCES))
    return f"decoder-{instructions}-{digest.hexdigest()[:16]}.so"
