"""Parameters of tests for the native decoder's formats and instructions, marked with their needs.

Where the processor cannot do one, `conftest` deselects its tests and says so.
"""

import pytest
from _pytest.mark.structures import ParameterSet

from ninefold.engine.native.library import NEEDED
from ninefold.engine.native.structures import KINDS, Kind, why_no_kind


def kinds(*names: Kind) -> list[ParameterSet]:
    """Return formats as parameters; all of them without a name."""
    return [pytest.param(kind, marks=pytest.mark.native(kind)) for kind in names or tuple(KINDS)]


def available_kinds() -> tuple[Kind, ...]:
    """Return the formats that this processor can do; there may be no compiler nevertheless."""
    return tuple(kind for kind in KINDS if not why_no_kind(kind))


def painting_kinds() -> list[ParameterSet]:
    """Return the formats that are painted in."""
    return [
        pytest.param("float32", marks=pytest.mark.native("float32")),
        pytest.param("bfloat16", marks=pytest.mark.instructions("avx512")),
    ]


def instruction_sets() -> list[ParameterSet]:
    """Return the sets that the module is written for, to limit it to one of them."""
    return [pytest.param(name, marks=pytest.mark.instructions(name)) for name in NEEDED]


def backends(*names: str) -> list[ParameterSet]:
    """Return backends as parameters, native and others."""
    return [
        pytest.param(name, marks=[pytest.mark.native(name.removeprefix("native-"))])
        if name.startswith("native-")
        else pytest.param(name)
        for name in names
    ]
