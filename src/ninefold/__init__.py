"""Ninefold: any prompt, nine pictures.

An open text-to-image system in the line of DALL·E Mini: a BART encoder–decoder writes VQGAN codes,
a VQGAN draws them, CLIP puts the best first.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ninefold.generation.params import SamplingParams
    from ninefold.pipeline import TextToImage

__version__ = "0.1.0"
__all__ = ["SamplingParams", "TextToImage", "__version__"]

_HOME = {"SamplingParams": "ninefold.generation.params", "TextToImage": "ninefold.pipeline"}


def __getattr__(name: str) -> Any:
    """Import what is public when it is first used: PyTorch takes seconds to import."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
