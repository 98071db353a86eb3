"""Networks without weights: shapes alone, in no memory and no time.

On the meta device a tensor has no content, but PyTorch still runs the initialisation of every
layer there, and for random numbers imports its whole compiler to find out how: seconds, for
nothing. So initialisation is left out as well.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from ninefold.errors import CheckpointError

Model = TypeVar("Model", bound=nn.Module)
Config = TypeVar("Config")


class _NoInitialisation(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


def build_empty(build: Callable[[Config], Model], config: Config) -> Model:
    """Build a network whose parameters have shapes but no content, to be assigned.

    Raises:
        CheckpointError: the configuration is of a network beyond every address space.
    """
    try:
        with torch.device("meta"), _NoInitialisation():
            return build(config)
    except (RuntimeError, TypeError) as error:
        if "overflow" not in str(error).lower():
            raise
        raise CheckpointError(
            "The configuration is damaged: no network has sizes like its; install it again."
        ) from None


def shapes_of(build: Callable[[Config], nn.Module], config: Config) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of a network."""
    state = build_empty(build, config).state_dict()
    return {name: tuple(tensor.shape) for name, tensor in state.items()}
