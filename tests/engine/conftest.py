"""The native module, built once for all tests, in a folder of their own."""

import pytest

from ninefold.engine.native.library import load_library


@pytest.fixture(scope="session", autouse=True)
def native_library(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Build the module; every later use finds it loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NINEFOLD_HOME", str(tmp_path_factory.mktemp("home")))
        load_library()
