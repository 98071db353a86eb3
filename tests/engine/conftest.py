"""The native module, built once for all tests, in a folder of their own."""

import pytest

from ninefold.engine.native.library import load_library
from ninefold.engine.native.structures import available_kinds


@pytest.fixture(scope="session", autouse=True)
def native_library(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Build the module where the processor can run it; every later use finds it loaded."""
    if available_kinds():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NINEFOLD_HOME", str(tmp_path_factory.mktemp("home")))
            load_library()
