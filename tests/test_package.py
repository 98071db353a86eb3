"""What `import ninefold` gives, and what it costs."""

import subprocess
import sys

import pytest

import ninefold
from ninefold.generation.params import SamplingParams
from ninefold.pipeline import TextToImage


def test_the_package_gives_what_a_user_needs() -> None:
    assert ninefold.TextToImage is TextToImage
    assert ninefold.SamplingParams is SamplingParams
    assert {"SamplingParams", "TextToImage", "__version__"} <= set(dir(ninefold))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Draw'"):
        _ = ninefold.Draw


def test_importing_the_package_does_not_import_pytorch() -> None:
    code = "import sys, ninefold; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
