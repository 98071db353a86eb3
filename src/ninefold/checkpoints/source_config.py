"""Configurations of published checkpoints, from their config.json or from the weights themselves.

Sources: `configuration.py` of github.com/borisdayma/dalle-mini (0.1.5) and of
github.com/patil-suraj/vqgan-jax for the values that a file may leave out. min-dalle's and
taming-transformers' folders have no config.json; what their weights do not show is stated below.
`architectures` and everything that concerns training or Hugging Face's generation is not looked at.
"""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ninefold.checkpoints.config_json import parse_config
from ninefold.checkpoints.tensor_source import TensorSpec
from ninefold.errors import CheckpointError, UnsupportedOptionError, UserError
from ninefold.models.dallebart import DalleBartConfig
from ninefold.models.vqgan import VQGANConfig

_HEADS_OF_WIDTH = {1024: 16, 2048: 32}
"""Attention heads of mini and mega by `d_model`; the weights do not show them."""

_PUBLISHED_PICTURE_SIZE = 256
"""`resolution` of every published VQGAN; of the weights it only decides where attention is."""


def config_from_published(values: Mapping[str, Any], where: str = "config.json") -> DalleBartConfig:
    """Read a dalle-mini config.json.

    Args:
        values: the parsed file.
        where: what to call it in a message.

    Raises:
        UnsupportedOptionError: it asks for something that our DalleBart does not have.
        CheckpointError: a value is not of its type, or the values do not fit together.
    """
    defaults: dict[str, Any] = {
        "encoder_ffn_dim": 4096,
        "decoder_ffn_dim": 4096,
        "use_head_scale": values.get("head_scale"),  # its name before 0.1
        "decoder_start_token_id": values.get("image_vocab_size"),
    }
    return parse_config(DalleBartConfig, _known(DalleBartConfig, defaults, values), where)


def vqgan_config_from_published(
    values: Mapping[str, Any], where: str = "config.json"
) -> VQGANConfig:
    """Read a vqgan-jax config.json.

    Raises:
        UnsupportedOptionError, CheckpointError: as `config_from_published`.
    """
    if values.get("use_gumbel"):
        raise UnsupportedOptionError(f"VQGAN option use_gumbel of {where} is not supported.")
    return parse_config(VQGANConfig, _known(VQGANConfig, {"n_embed": 1024}, values), where)


def _known(
    config_type: type, defaults: Mapping[str, Any], values: Mapping[str, Any]
) -> dict[str, Any]:
    """The values that a configuration has a field for; null stands for the default."""
    names = {field.name for field in dataclasses.fields(config_type)}
    chosen = {**defaults, **{k: v for k, v in values.items() if v is not None}}
    return {name: value for name, value in chosen.items() if name in names and value is not None}


def normalizes_text(values: Mapping[str, Any]) -> bool:
    """Whether a dalle-mini config.json asks for normalized captions."""
    return bool(values.get("normalize_text", False))


def infer_dallebart_config(specs: Mapping[str, TensorSpec], path: Path) -> DalleBartConfig:
    """Work out the shape of a min-dalle model from its tensors.

    Args:
        specs: the tensors of both files, as `dallebart.min_dalle_map` names them.
        path: where they are, for messages.

    Raises:
        UserError: the model is not as wide as mini or mega, so that its heads are unknown.
        CheckpointError: the tensors that show its shape are missing.
    """

    def sides(name: str) -> tuple[int, ...]:
        return _sides(specs, name, 2, path)

    width = sides("encoder.embed_tokens.weight")[1]
    if width not in _HEADS_OF_WIDTH:
        raise UserError(
            f"{path} has no config.json, and a model of width {width} is neither mini nor mega; "
            "put its config.json there."
        )
    heads = _HEADS_OF_WIDTH[width]
    shape = {
        "d_model": width,
        "encoder_layers": _count(specs, r"encoder\.layers\.(\d+)\..*"),
        "decoder_layers": _count(specs, r"decoder\.layers\.(\d+)\..*"),
        "encoder_attention_heads": heads,
        "decoder_attention_heads": heads,
        "encoder_ffn_dim": sides("encoder.layers.0.glu.fc0.weight")[0],
        "decoder_ffn_dim": sides("decoder.layers.0.glu.fc0.weight")[0],
        "encoder_vocab_size": sides("encoder.embed_tokens.weight")[0],
        "image_vocab_size": sides("decoder.embed_tokens.weight")[0] - 1,
        "max_text_length": sides("encoder.embed_positions.weight")[0],
        "image_length": sides("decoder.embed_positions.weight")[0],
        "force_ln_scale": "encoder.final_ln.weight" in specs,
    }
    return parse_config(DalleBartConfig, shape, str(path))


def infer_vqgan_config(specs: Mapping[str, TensorSpec], path: Path) -> VQGANConfig:
    """Work out the shape of a VQGAN in the names of taming-transformers, or of its decoder half.

    Raises:
        CheckpointError: the tensors that show its shape are missing.
        UnsupportedOptionError: they show one that our VQGAN does not have.
    """

    def sides(name: str) -> tuple[int, ...]:
        return _sides(specs, name, 4, path)

    num_levels = _count(specs, r"decoder\.up\.(\d+)\.block\.0\.conv1\.weight")
    widths = [sides(f"decoder.up.{i}.block.0.conv1.weight")[0] for i in range(num_levels or 1)]
    has_encoder = "encoder.conv_in.weight" in specs
    # Without the encoder only the products ch · ch_mult count, so ch_mult may begin with 1.
    width = sides("encoder.conv_in.weight")[0] if has_encoder else widths[0]
    attention = [i for i in range(num_levels) if f"decoder.up.{i}.attn.0.q.weight" in specs]
    codebook = "embedding.weight" if "embedding.weight" in specs else "quantize.embedding.weight"
    shape = {
        "ch": width,
        "ch_mult": [w // width for w in widths],
        "num_res_blocks": _count(specs, r"decoder\.up\.0\.block\.(\d+)\.conv1\.weight") - 1,
        "resolution": _PUBLISHED_PICTURE_SIZE,
        "attn_resolutions": [_PUBLISHED_PICTURE_SIZE >> i for i in attention],
        "z_channels": sides("post_quant_conv.weight")[0],
        "embed_dim": sides("post_quant_conv.weight")[1],
        "n_embed": _sides(specs, codebook, 2, path)[0],
        "out_ch": sides("decoder.conv_out.weight")[0],
        "has_encoder": has_encoder,
    }
    return parse_config(VQGANConfig, shape, str(path))


def _sides(specs: Mapping[str, TensorSpec], name: str, rank: int, path: Path) -> tuple[int, ...]:
    spec = specs.get(name)
    if spec is None or len(spec.shape) != rank or 0 in spec.shape:
        raise CheckpointError(
            f"{path} has no tensor {name} of {rank} axes, so it is not what its name says; get the "
            "file from its publisher again."
        )
    return spec.shape


def _count(specs: Mapping[str, TensorSpec], pattern: str) -> int:
    """How many different numbers the group of `pattern` matches; gaps show in the weight map."""
    matches = (re.fullmatch(pattern, name) for name in specs)
    return len({match[1] for match in matches if match})
