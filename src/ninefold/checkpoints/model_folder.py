"""A model in a folder of ours, the format "ninefold-1": config.json, safetensors, tokenizer.

config.json names the networks' shapes and, for every other file, its size and SHA-256. A model is
written into a folder beside its place and then renamed, so that it is there whole or not at all.
How published checkpoints become tensors of ours is not known here (`convert`).
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from ninefold.checkpoints.atomic_folder import new_folder
from ninefold.checkpoints.config_json import parse_config, read_json
from ninefold.checkpoints.disk import require_space
from ninefold.checkpoints.safetensors_file import SafetensorsFile, write_tensors
from ninefold.checkpoints.tensor_source import TensorStream, stream_of
from ninefold.errors import UserError
from ninefold.models.clip import CLIPConfig
from ninefold.models.dallebart import DalleBartConfig
from ninefold.models.vqgan import VQGANConfig

FORMAT = "ninefold-1"
CONFIG_FILE = "config.json"

Network = Literal["dallebart", "vqgan", "clip"]

_SPARE_BYTES = 1 << 20  # for what the file system itself writes


@dataclass(frozen=True)
class FileRecord:
    """What a file of a model must be."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class ModelConfig:
    """What config.json says, with its keys."""

    name: str
    licence: str
    preset: str
    """Sampling settings that it is drawn with unless others are asked for."""
    dallebart: DalleBartConfig
    vqgan: VQGANConfig
    clip: CLIPConfig | None = None
    picture_size: int = 256
    """Side in pixels of the pictures that it gives; those it draws smaller are enlarged to this."""
    normalize_text: bool = True
    """Whether captions were normalized when it was trained, and prompts must be."""
    has_plain_codes: bool = False
    """Whether its first codes stand for cells of one plain colour (`training.cells`)."""
    has_flat_colours: bool = False
    """Whether it draws flat colours with clear edges, so that finished pictures are sharpened
    (`generation.edges`)."""
    files: Mapping[str, FileRecord] = field(default_factory=dict)
    """Every other file of the folder."""
    format: str = FORMAT

    def __post_init__(self) -> None:
        grid_size = math.isqrt(self.dallebart.image_length)
        if grid_size**2 != self.dallebart.image_length:
            raise ValueError(
                f"image_length is {self.dallebart.image_length}, but a picture has a square number "
                "of codes."
            )
        if self.drawn_size > self.picture_size:
            raise ValueError(
                f"{grid_size}×{grid_size} codes are {self.drawn_size} pixels, but picture_size is "
                f"{self.picture_size}."
            )
        if self.vqgan.n_embed > self.dallebart.image_vocab_size:
            raise ValueError(
                f"the VQGAN has {self.vqgan.n_embed} codes, but image_vocab_size is "
                f"{self.dallebart.image_vocab_size}."
            )

    @property
    def drawn_size(self) -> int:
        """Side in pixels of the pictures as they are drawn."""
        return math.isqrt(self.dallebart.image_length) * self.vqgan.downsampling

    @property
    def sha256(self) -> str:
        """Digest, in hexadecimal, of all that decides what is drawn: every file, shapes, rules.

        Name, licence and preset are left out: they may change, and the pictures stay.
        """
        values = _stated(self)
        for key in ("name", "licence", "preset"):
            values.pop(key, None)
        values["files"] = {name: record.sha256 for name, record in self.files.items()}
        text = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _stated(config: Any) -> dict[str, Any]:
    """Values that are not the default, so that a new option does not change a model's digest."""
    return {
        entry.name: _stated(value) if dataclasses.is_dataclass(value) else value
        for entry in dataclasses.fields(config)
        if (value := getattr(config, entry.name)) != entry.default
    }


def weights_file(network: Network) -> str:
    """Name of the file that holds a network."""
    return f"{network}.safetensors"


def read_config(folder: Path) -> ModelConfig:
    """Read a model's config.json.

    Raises:
        UserError: the folder holds no model of ours, or one of a newer version.
        CheckpointError: config.json is damaged.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise UserError(f"{folder} holds no model; there is no {CONFIG_FILE} in it.")
    values = read_json(path)
    found = values.get("format")
    if found is None:
        raise UserError(
            f"{folder} is not a model of ninefold; if its weights are published ones, convert them "
            "with `ninefold pull NAME --from FOLDER`."
        )
    if found != FORMAT:
        raise UserError(f"{folder} is of the format {found!r}; update ninefold to read it.")
    return parse_config(ModelConfig, values, str(path))


def load_state(
    folder: Path,
    network: Network,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
) -> dict[str, Tensor]:
    """Read the tensors of one network.

    Args:
        folder: a model's folder.
        network: which of its networks.
        device: where to put them.
        dtype: format to convert them to, one at a time; None: as stored. What needs no conversion
            is mapped from the file and costs no memory until it is used.

    Raises:
        UserError: the file cannot be opened.
        CheckpointError: it is damaged.
    """
    source = SafetensorsFile(folder / weights_file(network))
    return {name: source.read(name).to(device, dtype) for name in source.specs}


def save_model(
    folder: Path,
    config: ModelConfig,
    networks: Mapping[Network, TensorStream | Mapping[str, Tensor]],
    files: Mapping[str, Path | bytes],
    *,
    dtype: torch.dtype | None = None,
    replace: bool = False,
) -> ModelConfig:
    """Write a model, whole or not at all, with one tensor in memory at a time.

    Args:
        folder: its place, which must not exist or be empty unless `replace`.
        config: what config.json will say; `files` is filled in.
        networks: tensors of each network by our names: streams, or in memory.
        files: the other files, such as "tokenizer.json": content, or a path to copy it from.
        dtype: format to store the weights in; None: as they come.
        replace: whether a model that is there may be replaced.

    Returns:
        The configuration as it was written.

    Raises:
        UserError: the place is taken, cannot be written, or is too small.
        CheckpointError: a source is damaged.
    """
    streams: dict[Network, TensorStream] = {}
    for network, tensors in networks.items():
        stream = tensors if isinstance(tensors, TensorStream) else stream_of(tensors)
        streams[network] = stream if dtype is None else stream.cast(dtype)
    sizes = [len(f) if isinstance(f, bytes) else f.stat().st_size for f in files.values()]
    needed = _SPARE_BYTES + sum(sizes) + sum(stream.num_bytes for stream in streams.values())
    with new_folder(folder, CONFIG_FILE, replace=replace) as part:
        require_space(part, needed, f"to write the model {config.name}")
        for network, stream in streams.items():
            write_tensors(part / weights_file(network), stream)
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.read_bytes()
            (part / name).write_bytes(data)
        records = {path.name: record_of(path) for path in sorted(part.iterdir())}
        config = dataclasses.replace(config, files=records)
        text = json.dumps(dataclasses.asdict(config), indent=2, ensure_ascii=False)
        (part / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")
    return config


def record_of(path: Path) -> FileRecord:
    """Measure a file and hash it."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileRecord(digest, path.stat().st_size)
