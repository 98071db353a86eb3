"""What the gateway knows of the model, from its config.json: no weights, no torch."""

import json
from dataclasses import dataclass
from pathlib import Path

from ninefold.checkpoints.registry import CONFIG_FILE, find_model
from ninefold.errors import CheckpointError
from ninefold.generation.params import SamplingParams, get_preset


@dataclass(frozen=True)
class ModelFacts:
    """A model as far as requests depend on it."""

    name: str
    licence: str
    preset: str
    image_length: int
    """Codes of a picture."""
    picture_size: int
    """Side in pixels of delivered pictures."""
    has_clip: bool
    """Whether it ranks pictures, and so can choose among candidates."""

    @property
    def default_params(self) -> SamplingParams:
        """The settings that it is drawn with unless others are asked for."""
        return get_preset(self.preset).params


def read_model_facts(model: str | Path) -> ModelFacts:
    """Read what the gateway needs of an installed model.

    Raises:
        UserError: there is no such model.
        CheckpointError: its config.json is damaged.
    """
    folder = find_model(model)
    try:
        config = json.loads((folder / CONFIG_FILE).read_bytes())
        return ModelFacts(
            name=str(config["name"]),
            licence=str(config["licence"]),
            preset=str(config["preset"]),
            image_length=int(config["dallebart"]["image_length"]),
            picture_size=int(config.get("picture_size", 256)),
            has_clip=config.get("clip") is not None,
        )
    except (ValueError, KeyError, TypeError):
        raise CheckpointError(
            f"The model in {str(folder)!r} is damaged: its {CONFIG_FILE} cannot be read; install "
            "it again."
        ) from None
