"""Networks from a model's folder: built without memory, then given the tensors of the folder.

The weights are mapped from the file where neither format nor device has to change, so that loading
takes moments and copies nothing. Exactly the network's tensors must be there.
"""

from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from ninefold.checkpoints.empty_model import build_empty
from ninefold.checkpoints.model_folder import ModelConfig, Network, read_config, weights_file
from ninefold.checkpoints.safetensors_file import SafetensorsFile
from ninefold.checkpoints.weight_map import check_names
from ninefold.errors import CheckpointError
from ninefold.file_kinds import refuse_lfs_pointer
from ninefold.models.clip import CLIP
from ninefold.models.dallebart import DalleBart
from ninefold.models.sketches import SketchEmbedding
from ninefold.models.vqgan import VQGAN

_Model = TypeVar("_Model", bound=nn.Module)


def load_dallebart(
    folder: Path, device: torch.device | str = "cpu", dtype: torch.dtype | None = torch.float32
) -> DalleBart:
    """Load the transformer of a model.

    Args:
        folder: a model's folder.
        device: where to put it.
        dtype: number format to run it in, whichever it is stored in; None for that one.

    Raises:
        UserError: the folder holds no model, or a file cannot be opened.
        CheckpointError: a file is damaged, or is not of the network that config.json describes.
    """
    config = read_config(folder)
    source = _open(folder, config, "dallebart")
    model = _fill(build_empty(DalleBart, config.dallebart), source, device, dtype)
    words = model.encoder.embed_tokens
    if isinstance(words, SketchEmbedding):
        try:
            words.codes()
        except ValueError as error:
            raise CheckpointError(
                f"The sketches in {source.label} are damaged ({error}); pull or install the model "
                "again."
            ) from None
    return model


def load_vqgan(
    folder: Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> VQGAN:
    """Load the VQGAN of a model; arguments and errors as `load_dallebart`."""
    config = read_config(folder)
    model = build_empty(VQGAN, config.vqgan)
    return _fill(model, _open(folder, config, "vqgan"), device, dtype)


def load_clip(
    folder: Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> CLIP | None:
    """Load the CLIP of a model, None if it has none; arguments and errors as `load_dallebart`."""
    config = read_config(folder)
    if config.clip is None:
        return None
    model = build_empty(CLIP, config.clip)
    return _fill(model, _open(folder, config, "clip"), device, dtype)


def _open(folder: Path, config: ModelConfig, network: Network) -> SafetensorsFile:
    path = folder / weights_file(network)
    record = config.files.get(path.name)
    refuse_lfs_pointer(path)
    if record is not None and path.is_file() and path.stat().st_size != record.bytes:
        raise CheckpointError(
            f"{path} has {path.stat().st_size:,} bytes, not {record.bytes:,}; install the model "
            "again."
        )
    return SafetensorsFile(path)


def _fill(
    model: _Model, source: SafetensorsFile, device: torch.device | str, dtype: torch.dtype | None
) -> _Model:
    """Give a network that was built on the meta device its weights."""
    name = f"the {type(model).__name__} of config.json"
    expected = model.state_dict()
    shapes = {tensor: tuple(value.shape) for tensor, value in expected.items()}
    whole = {tensor for tensor, value in expected.items() if not value.is_floating_point()}
    check_names(source.label, source.specs, shapes, name, whole)
    state = {
        tensor: source.read(tensor).to(device, expected[tensor].dtype if tensor in whole else dtype)
        for tensor in shapes
    }
    model.load_state_dict(state, strict=True, assign=True)
    tensors = [*model.parameters(), *model.buffers()]
    assert not any(tensor.is_meta for tensor in tensors), f"{name} has tensors without a file"
    return model.eval()
