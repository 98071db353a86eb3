"""The native module, built once for all runs of the tests, in a folder of their own."""

import pytest

from ninefold.engine.native.library import load_library
from tests.native_kinds import available_kinds


@pytest.fixture(scope="session", autouse=True)
def native_library(request: pytest.FixtureRequest) -> None:
    """Build the module where the processor can run it; every later use finds it loaded."""
    assert request.config.cache is not None
    if available_kinds():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NINEFOLD_HOME", str(request.config.cache.mkdir("ninefold")))
            load_library()
