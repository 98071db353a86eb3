"""Which backend draws: by name, or the fastest that this machine and model allow."""

from pathlib import Path

import torch

from ninefold.checkpoints.load import load_dallebart
from ninefold.engine.backend import Backend
from ninefold.engine.eager import EagerBackend
from ninefold.engine.loaded_model import LoadedModel
from ninefold.errors import UserError

BACKENDS = ("auto", "eager")


def load_backend(
    folder: Path, device: torch.device, name: str, num_slots: int
) -> tuple[LoadedModel, Backend]:
    """Load a model for the backend called `name`.

    Raises:
        UserError: there is no such backend.
        CheckpointError: the model's files are damaged.
    """
    if name not in BACKENDS:
        raise UserError(f"There is no backend {name!r}; use {', '.join(BACKENDS)}.")
    model = LoadedModel.load(folder, device)
    decoder = load_dallebart(folder, device)
    return model, EagerBackend(decoder, model.config.vqgan.n_embed, num_slots)
