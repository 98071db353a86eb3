"""Parameters of tests for the native decoder's number formats, marked with what they need.

Where the processor cannot do a format, `conftest` deselects its tests and says so.
"""

import pytest
from _pytest.mark.structures import ParameterSet

from ninefold.engine.native.structures import KINDS, Kind


def kinds(*names: Kind) -> list[ParameterSet]:
    """Return formats as parameters; all of them without a name."""
    return [pytest.param(kind, marks=pytest.mark.native(kind)) for kind in names or tuple(KINDS)]


def backends(*names: str) -> list[ParameterSet]:
    """Return backends as parameters, native and others."""
    return [
        pytest.param(name, marks=[pytest.mark.native(name.removeprefix("native-"))])
        if name.startswith("native-")
        else pytest.param(name)
        for name in names
    ]
