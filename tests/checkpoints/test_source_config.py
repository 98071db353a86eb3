"""Published configurations: the file's values, the reference's defaults, or a clear refusal."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ninefold.checkpoints.dallebart import min_dalle_map
from ninefold.checkpoints.empty_model import shapes_of
from ninefold.checkpoints.source_config import (
    config_from_published,
    infer_dallebart_config,
    infer_vqgan_config,
    normalizes_text,
    vqgan_config_from_published,
)
from ninefold.checkpoints.tensor_source import TensorSpec
from ninefold.errors import CheckpointError, UnsupportedOptionError, UserError
from ninefold.models.dallebart import DalleBart, DalleBartConfig
from ninefold.models.vqgan import VQGAN, VQGANConfig
from tests.checkpoints.published_files import GOLDEN

MINI = DalleBartConfig()
MEGA = DalleBartConfig(
    encoder_layers=24,
    decoder_layers=24,
    d_model=2048,
    encoder_attention_heads=32,
    decoder_attention_heads=32,
    encoder_ffn_dim=4096,
    decoder_ffn_dim=4096,
    encoder_vocab_size=50272,
    image_vocab_size=16415,
)
PATH = Path("weights")


def specs_of(build: Any, config: Any) -> dict[str, TensorSpec]:
    return {n: TensorSpec(s, torch.float16) for n, s in shapes_of(build, config).items()}


def min_dalle_specs(config: DalleBartConfig) -> dict[str, TensorSpec]:
    names = min_dalle_map()
    found = {}
    for name, spec in specs_of(DalleBart, config).items():
        step = names.source_of(name)
        assert step is not None
        found[step.source] = spec
    return found


@pytest.mark.parametrize(
    ("build", "config", "count"),
    [
        (DalleBart, MINI, 437_833_712),
        (DalleBart, MEGA, 2_587_521_024),
        (VQGAN, VQGANConfig(), 76_073_859),
    ],
)
def test_published_models_have_the_published_number_of_parameters(
    build: type[nn.Module], config: Any, count: int
) -> None:
    specs = specs_of(build, config).values()
    assert sum(spec.num_bytes for spec in specs) == 2 * count


def test_the_values_of_the_file_are_taken() -> None:
    config = config_from_published(json.loads((GOLDEN / "tiny_mega" / "config.json").read_text()))
    assert (config.d_model, config.decoder_layers, config.image_vocab_size) == (64, 3, 543)
    assert config.decoder_start_token_id == 512


def test_what_the_file_leaves_out_is_as_in_the_reference() -> None:
    assert config_from_published({}) == replace(MINI, encoder_ffn_dim=4096, decoder_ffn_dim=4096)
    assert config_from_published({"d_model": None}) == config_from_published({})
    assert config_from_published({"image_vocab_size": 100}).decoder_start_token_id == 100
    assert vqgan_config_from_published({}) == replace(VQGANConfig(), n_embed=1024)


def test_what_concerns_training_or_another_library_is_not_looked_at() -> None:
    values = {"architectures": ["eBart"], "dropout": 0.1, "eos_token_id": 99999, "use_scan": True}
    assert config_from_published(values) == config_from_published({})


@pytest.mark.parametrize(("values", "expected"), [({}, False), ({"normalize_text": True}, True)])
def test_text_is_normalized_if_the_file_says_so(values: dict[str, bool], expected: bool) -> None:
    assert normalizes_text(values) is expected


@pytest.mark.parametrize(
    ("values", "option"),
    [
        ({"ln_positions": "swinv2"}, "ln_positions"),
        ({"use_alibi": True}, "use_alibi"),
        ({"sinkhorn_iters": 3}, "sinkhorn_iters"),
        ({"tie_word_embeddings": True}, "tie_word_embeddings"),
        ({"use_deepnet_scaling": True}, "use_deepnet_scaling"),
        ({"activation_function": "mish"}, "activation_function"),
    ],
)
def test_an_option_that_we_do_not_have_is_named(values: dict[str, Any], option: str) -> None:
    with pytest.raises(UnsupportedOptionError, match=option):
        config_from_published(values)


def test_the_old_name_of_the_head_scale_is_understood() -> None:
    assert config_from_published({"head_scale": True}).use_head_scale
    assert not config_from_published({"head_scale": True, "use_head_scale": False}).use_head_scale


def test_values_that_are_wrong_are_refused() -> None:
    with pytest.raises(CheckpointError, match='some file: d_model cannot be "big"'):
        config_from_published({"d_model": "big"}, "some file")
    with pytest.raises(CheckpointError, match="some file is not usable: d_model must be a mul"):
        config_from_published({"d_model": 1000, "encoder_attention_heads": 3}, "some file")


@pytest.mark.parametrize("option", ["use_gumbel", "double_z", "give_pre_end"])
def test_a_vqgan_option_that_we_do_not_have_is_named(option: str) -> None:
    with pytest.raises(UnsupportedOptionError, match=option):
        vqgan_config_from_published({option: True})


@pytest.mark.parametrize("config", [MINI, MEGA], ids=["mini", "mega"])
@pytest.mark.parametrize("force_ln_scale", [False, True])
def test_mini_and_mega_are_told_by_their_tensors(
    config: DalleBartConfig, force_ln_scale: bool
) -> None:
    config = replace(config, force_ln_scale=force_ln_scale)
    assert infer_dallebart_config(min_dalle_specs(config), PATH) == config


def test_heads_are_never_guessed() -> None:
    specs = min_dalle_specs(replace(MINI, d_model=512))
    with pytest.raises(UserError, match="of width 512 is neither mini nor mega"):
        infer_dallebart_config(specs, PATH)


def test_a_file_of_something_else_is_refused() -> None:
    for specs in ({}, {"encoder.embed_tokens.weight": TensorSpec((3,), torch.float32)}):
        with pytest.raises(CheckpointError, match=r"no tensor encoder\.embed_tokens\.weight of 2"):
            infer_dallebart_config(specs, PATH)
        with pytest.raises(CheckpointError, match=r"no tensor decoder\.up\.0\.block\.0\.conv1"):
            infer_vqgan_config(specs, PATH)


@pytest.mark.parametrize(
    "config",
    [
        VQGANConfig(),
        VQGANConfig(ch=64, ch_mult=(2, 3, 4), num_res_blocks=1, n_embed=99, attn_resolutions=()),
        VQGANConfig(z_channels=64, embed_dim=32, attn_resolutions=(32, 16)),
    ],
)
def test_a_vqgan_is_told_by_its_tensors(config: VQGANConfig) -> None:
    inferred = infer_vqgan_config(specs_of(VQGAN, config), PATH)
    assert shapes_of(VQGAN, inferred) == shapes_of(VQGAN, config)
    assert (inferred.resolution, inferred.has_encoder) == (256, True)


def test_the_decoder_half_is_told_by_its_tensors() -> None:
    config = VQGANConfig(ch=64, ch_mult=(2, 4), num_res_blocks=1, has_encoder=False)
    specs = specs_of(VQGAN, config)
    specs["embedding.weight"] = specs.pop("quantize.embedding.weight")
    inferred = infer_vqgan_config(specs, PATH)
    assert not inferred.has_encoder
    assert (inferred.ch, inferred.ch_mult) == (128, (1, 2))
    assert shapes_of(VQGAN, inferred) == shapes_of(VQGAN, config)


def test_channels_that_no_vqgan_of_ours_has_are_refused() -> None:
    specs = specs_of(VQGAN, VQGANConfig(ch=8, norm_groups=4))
    with pytest.raises(CheckpointError, match="norm_groups=32 must divide"):
        infer_vqgan_config(specs, PATH)
