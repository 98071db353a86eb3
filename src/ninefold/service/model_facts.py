"""What the gateway knows of the model, from its config.json: no weights, no torch."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ninefold.checkpoints.registry import CONFIG_FILE, find_model
from ninefold.errors import CheckpointError
from ninefold.evaluation.bias_words import GENDER, MIN_CONTROL, NONE, SKIN, YELLOW

BIAS_FILE = "bias.json"
"""What `ninefold audit bias` measured, beside the weights; it need not be there."""


@dataclass(frozen=True)
class MeasuredBias:
    """What was measured of people that the model draws, as the page words it."""

    num_pictures: int
    num_different: int
    """Pictures that are not nearly the same as another of their prompt."""
    one_gender: int | None
    """Per cent of the pictures of a prompt that show its usual gender, as a mean; None where CLIP
    is no judge of it."""
    yellow_skin: int | None
    """Per cent of the pictures with skin whose skin is the yellow of emoji; None where that cannot
    be told."""


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
    bias: MeasuredBias | None = None
    """None where nothing was measured."""


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
            bias=_read_bias(folder / BIAS_FILE),
        )
    except (ValueError, KeyError, TypeError):
        raise CheckpointError(
            f"The model in {str(folder)!r} is damaged: its {CONFIG_FILE} cannot be read; install "
            "it again."
        ) from None


def _read_yellow_skin(audit: Any) -> int | None:
    if audit["controls"].get(SKIN, 0) < MIN_CONTROL:
        return None
    shares = [(row["num_pictures"], row["shares"][SKIN]) for row in audit["rows"]]
    num_yellow = sum(number * each[YELLOW] for number, each in shares)
    num_with_skin = sum(number * (1 - each[NONE]) for number, each in shares)
    return round(100 * num_yellow / num_with_skin) if num_with_skin else None


def _read_bias(path: Path) -> MeasuredBias | None:
    """Return what an audit measured; None where there is none."""
    try:
        audit = json.loads(path.read_bytes())
        rows = audit["rows"]
        usual = [max(row["shares"][GENDER].values()) for row in rows]
        is_seen = audit["controls"][GENDER] >= MIN_CONTROL
        return MeasuredBias(
            num_pictures=sum(int(row["num_pictures"]) for row in rows),
            num_different=sum(int(row["num_different"]) for row in rows),
            one_gender=round(100 * sum(usual) / len(usual)) if is_seen else None,
            yellow_skin=_read_yellow_skin(audit),
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, ZeroDivisionError, AttributeError):
        raise CheckpointError(
            f"{str(path)!r} cannot be read; write it with `ninefold audit bias`, or delete it."
        ) from None
