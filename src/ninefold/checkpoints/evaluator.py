"""The folder of an evaluator: a CLIP that judges pictures, with its tokenizer and configuration.

It is not a model of ours that draws (`model_folder`), so it has a format of its own, "evaluator-1":
config.json names the shape and, for every other file, its size and SHA-256; the weights are in
clip.safetensors, the tokenizer in tokenizer.json. What it is used for is not known here.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import torch
from torch import Tensor

from ninefold.checkpoints.atomic_folder import new_folder
from ninefold.checkpoints.config_json import parse_config, read_json
from ninefold.checkpoints.empty_model import build_empty
from ninefold.checkpoints.model_folder import CONFIG_FILE, FileRecord, record_of, weights_file
from ninefold.checkpoints.safetensors_file import SafetensorsFile, write_tensors
from ninefold.checkpoints.tensor_source import stream_of
from ninefold.checkpoints.weight_map import check_names
from ninefold.errors import CheckpointError, UserError
from ninefold.models.clip import CLIP, CLIPConfig

FORMAT = "evaluator-1"
TOKENIZER_FILE = "tokenizer.json"


@dataclass(frozen=True)
class EvaluatorConfig:
    """What config.json of an evaluator says, with its keys."""

    clip: CLIPConfig
    trained_on: str
    """What it learned from, in a sentence."""
    files: Mapping[str, FileRecord] = field(default_factory=dict)
    """Every other file of the folder."""
    format: str = FORMAT

    @property
    def sha256(self) -> str:
        """Digest of the weights' file, in hexadecimal: two reports by one evaluator compare."""
        return self.files[weights_file("clip")].sha256


def packaged_evaluator() -> Path:
    """Folder of the evaluator that comes with the package."""
    return Path(str(resources.files("ninefold") / "weights" / "evaluator"))


def save_evaluator(
    folder: Path,
    config: EvaluatorConfig,
    weights: Mapping[str, Tensor],
    tokenizer: Path,
    *,
    dtype: torch.dtype = torch.float16,
) -> EvaluatorConfig:
    """Write an evaluator, whole or not at all; one that is there is replaced.

    Args:
        folder: its place.
        config: what config.json will say; `files` is filled in.
        weights: by the names of `models.clip`.
        tokenizer: the tokenizer.json to copy.
        dtype: number format to store the weights in.

    Returns:
        The configuration as it was written.

    Raises:
        UserError: the place is taken by something else or cannot be written.
    """
    with new_folder(folder, CONFIG_FILE, replace=True) as part:
        write_tensors(part / weights_file("clip"), stream_of(weights).cast(dtype))
        (part / TOKENIZER_FILE).write_bytes(tokenizer.read_bytes())
        records = {path.name: record_of(path) for path in sorted(part.iterdir())}
        config = dataclasses.replace(config, files=records)
        text = json.dumps(dataclasses.asdict(config), indent=2, ensure_ascii=False)
        (part / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")
    return config


def load_evaluator(
    folder: Path, device: torch.device | str = "cpu"
) -> tuple[EvaluatorConfig, CLIP]:
    """Read an evaluator, in float32 and evaluation mode.

    Raises:
        UserError: the folder holds none.
        CheckpointError: its files are damaged.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise UserError(
            f"{folder} holds no evaluator; make one with `ninefold train evaluator` and name its "
            "folder."
        )
    values = read_json(path)
    if values.get("format") != FORMAT:
        raise UserError(
            f"{folder} is of the format {values.get('format')!r}, not {FORMAT!r}; name the folder "
            "of an evaluator."
        )
    config = parse_config(EvaluatorConfig, values, str(path))
    for name, record in config.files.items():
        file = folder / name
        if not file.is_file() or record_of(file) != record:
            raise CheckpointError(
                f"{file} is not the file that its config.json describes; install ninefold again, "
                "or train the evaluator anew."
            )
    source = SafetensorsFile(folder / weights_file("clip"))
    clip = build_empty(CLIP, config.clip)
    shapes = {name: tuple(tensor.shape) for name, tensor in clip.state_dict().items()}
    check_names(source.label, source.specs, shapes, f"the CLIP of {path}")
    state = {name: source.read(name).to(device, torch.float32) for name in shapes}
    clip.load_state_dict(state, strict=True, assign=True)
    return config, clip.eval()
