"""Hugging Face CLIP folders: their weight names, their config.json, their weights.

Our names are those of `transformers.CLIPModel`, so the table only lists them. Source: the folders
openai/clip-vit-base-patch32 and openai/clip-vit-base-patch16 of the Hugging Face hub, and
`CLIPConfig` of github.com/huggingface/transformers for the values that a file leaves out.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ninefold.checkpoints.config_json import parse_config, read_json
from ninefold.checkpoints.empty_model import shapes_of
from ninefold.checkpoints.safetensors_file import SafetensorsFile
from ninefold.checkpoints.tensor_source import TensorSource, TensorStream
from ninefold.checkpoints.torch_files import TorchFile
from ninefold.checkpoints.weight_map import TORCH, Table, WeightMap, WeightRow, module_rows
from ninefold.errors import CheckpointError, UnsupportedOptionError, UserError
from ninefold.models.clip import CLIP, CLIPConfig

_TOWERS = ("text_model", "vision_model")
_LAYER_MODULES = (
    *(f"self_attn.{role}_proj" for role in ("q", "k", "v", "out")),
    "layer_norm1",
    "layer_norm2",
    "mlp.fc1",
    "mlp.fc2",
)
_MODULES = (
    *(f"{tower}.encoder.layers.{{}}.{module}" for tower in _TOWERS for module in _LAYER_MODULES),
    "text_model.embeddings.token_embedding",
    "text_model.embeddings.position_embedding",
    "text_model.final_layer_norm",
    "vision_model.embeddings.patch_embedding",
    "vision_model.embeddings.position_embedding",
    "vision_model.pre_layrnorm",
    "vision_model.post_layernorm",
    "visual_projection",
    "text_projection",
)
TABLE: Table = {
    **module_rows({module: module for module in _MODULES}, TORCH),
    "vision_model.embeddings.class_embedding": WeightRow("vision_model.embeddings.class_embedding"),
    "logit_scale": WeightRow("logit_scale"),
    **{f"{tower}.embeddings.position_ids": None for tower in _TOWERS},  # 0, 1, 2, …
}
"""Every name of the published layout. Older files also hold the numbers of the positions."""

_TEXT_OPTIONS = {
    "vocab_size": "vocab_size",
    "max_position_embeddings": "max_positions",
    "hidden_size": "text_width",
    "num_hidden_layers": "text_layers",
    "num_attention_heads": "text_heads",
    "intermediate_size": "text_intermediate_size",
    "eos_token_id": "eos_token_id",
}
_VISION_OPTIONS = {
    "image_size": "image_size",
    "patch_size": "patch_size",
    "hidden_size": "vision_width",
    "num_hidden_layers": "vision_layers",
    "num_attention_heads": "vision_heads",
    "intermediate_size": "vision_intermediate_size",
}
_SHARED_OPTIONS = {
    "hidden_act": ("activation", CLIPConfig.activation),
    "layer_norm_eps": ("layer_norm_eps", CLIPConfig.layer_norm_eps),
}
"""Options that each published tower has and our two have in common, with their default."""

_LEGACY_EOS = 2
"""The end of text that the first published config.json name by mistake; it ends no text of theirs.
`transformers` takes it to mean that a text is read off at its highest id, and so do we."""


def load_clip_folder(folder: Path) -> tuple[CLIPConfig, TensorStream]:
    """Open a CLIP as Hugging Face publishes it.

    Args:
        folder: holds config.json, model.safetensors or pytorch_model.bin (the former is preferred;
            the latter is read as data, never as code), and perhaps preprocessor_config.json.

    Returns:
        The model's configuration, and its tensors by our names, read as they are asked for.

    Raises:
        UserError: a file is not there or cannot be read.
        CheckpointError: a file is damaged, or the weights are not of the model of config.json.
        UnsupportedOptionError: config.json names an option that our CLIP does not have.
    """
    config = read_clip_config(folder)
    shapes = shapes_of(CLIP, config)
    stream = WeightMap(TABLE).convert(_open_weights(folder), shapes, "the CLIP of config.json")
    return config, stream


def read_clip_config(folder: Path) -> CLIPConfig:
    """Read config.json of a CLIP folder, and preprocessor_config.json where there is one.

    What a file leaves out has the value of ViT-B/32, in `transformers` as here; of the many keys
    that do not bear on the numbers that a CLIP computes, none is looked at.

    Raises:
        UserError: config.json is not there or cannot be read.
        CheckpointError: a file is damaged or not of a CLIP.
        UnsupportedOptionError: an option is set that our CLIP does not have.
    """
    path = folder / "config.json"
    content = read_json(path)
    if content.get("model_type") != "clip":
        raise CheckpointError(
            f"{path} is of model type {content.get('model_type')!r}, not 'clip'; "
            "name the folder of a CLIP."
        )
    text, vision = _tower(path, content, "text"), _tower(path, content, "vision")
    if vision.get("num_channels", 3) != 3:
        raise UnsupportedOptionError(
            f"CLIP option num_channels={vision['num_channels']!r} is not supported; use 3."
        )
    values = {
        **_renamed(content, {"projection_dim": "projection_dim"}),
        **_renamed(text, _TEXT_OPTIONS),
        **_renamed(vision, _VISION_OPTIONS),
        **_pixel_statistics(folder / "preprocessor_config.json"),
    }
    for name, (ours, default) in _SHARED_OPTIONS.items():
        values[ours] = text.get(name, default)
        if values[ours] != vision.get(name, default):
            raise UnsupportedOptionError(
                f"CLIP option {name} differs between the towers of {path}, which is not supported."
            )
    if values.get("eos_token_id") == _LEGACY_EOS:
        values["eos_token_id"] = None
    return parse_config(CLIPConfig, values, str(path))


def _tower(path: Path, content: Mapping[str, Any], tower: str) -> dict[str, Any]:
    """Options of one tower; where an older file also has `…_config_dict`, that counts."""
    parts = [content.get(key) or {} for key in (f"{tower}_config", f"{tower}_config_dict")]
    if not all(isinstance(part, dict) for part in parts):
        raise CheckpointError(f"{path} is damaged: {tower}_config is not a JSON object.")
    return {**parts[0], **parts[1]}


def _renamed(options: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {ours: options[name] for name, ours in names.items() if name in options}


def _pixel_statistics(path: Path) -> dict[str, Any]:
    """Mean and deviation where the file has them; the defaults are those of OpenAI's models."""
    options = read_json(path) if path.exists() else {}
    return {name: options[name] for name in ("image_mean", "image_std") if name in options}


def _open_weights(folder: Path) -> TensorSource:
    safe, pickled = folder / "model.safetensors", folder / "pytorch_model.bin"
    if safe.exists():
        return SafetensorsFile(safe)
    if pickled.exists():
        return TorchFile(pickled)
    raise UserError(
        f"{folder} holds neither model.safetensors nor pytorch_model.bin; "
        "name the folder of a CLIP with its weights."
    )
