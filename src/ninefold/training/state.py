"""The saved state of a training run: everything that the next step depends on.

The data of a step is a function of the seed and the step alone (`training.task`), so there is no
data-loader state to save: a run that is killed and resumed continues with the same losses.
"""

import pickle
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from ninefold.atomic_file import atomic_write
from ninefold.errors import CheckpointError
from ninefold.training.inputs import Inputs, require_same_inputs

FILE_NAME = "state.pt"
NO_INPUTS: Inputs = MappingProxyType({})
"""Of a run whose data is a function of its settings alone."""


@dataclass
class TrainState:
    """Model, optimizers and averaged weights after `step` optimizer steps."""

    model: nn.Module
    optimizers: list[torch.optim.Optimizer]
    average: dict[str, Tensor]
    step: int = 0


def save_state(
    state: TrainState, folder: Path, config: dict[str, Any], inputs: Inputs = NO_INPUTS
) -> None:
    """Write the state to `folder` so that a kill at any moment leaves the old or the new one."""
    content = {
        "step": state.step,
        "model": state.model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in state.optimizers],
        "average": state.average,
        "config": config,
        "inputs": dict(inputs) or None,
    }
    with atomic_write(folder / FILE_NAME) as file:
        torch.save(content, file)


def load_state(
    state: TrainState, folder: Path, config: dict[str, Any], inputs: Inputs = NO_INPUTS
) -> bool:
    """Restore `state` in place from `folder`; return whether there was anything to restore.

    Raises:
        UserError: the saved run was made from other inputs.
        CheckpointError: it is damaged, or was made with other settings.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return False
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        differing = [key for key in config if saved["config"].get(key) != config[key]]
    except (RuntimeError, KeyError, EOFError, pickle.UnpicklingError, OSError) as error:
        raise CheckpointError(f"{path} is damaged; remove it to start the run anew.") from error
    require_same_inputs(path, saved.get("inputs"), inputs)
    if differing:
        names = ", ".join(differing)
        raise CheckpointError(
            f"{path} was made with other settings ({names}); give another folder, or remove it."
        )
    state.model.load_state_dict(saved["model"])
    for optimizer, content in zip(state.optimizers, saved["optimizers"], strict=True):
        optimizer.load_state_dict(content)
    state.average = saved["average"]
    state.step = int(saved["step"])
    return True
