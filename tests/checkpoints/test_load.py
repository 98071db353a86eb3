"""Loading: the network of config.json with exactly the tensors of the folder."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ninefold.checkpoints.load import load_clip, load_dallebart, load_vqgan
from ninefold.checkpoints.model_folder import ModelConfig, Network, save_model, weights_file
from ninefold.errors import CheckpointError, UserError
from tests.tiny import (
    CLIP_CONFIG,
    DALLEBART,
    VQGAN_CONFIG,
    build_clip,
    build_dallebart,
    build_vqgan,
)

CONFIG = ModelConfig(
    name="tiny",
    licence="none",
    preset="pocket",
    dallebart=DALLEBART,
    vqgan=VQGAN_CONFIG,
    clip=CLIP_CONFIG,
    picture_size=16,
)
MODELS: dict[Network, nn.Module] = {
    "dallebart": build_dallebart(),
    "vqgan": build_vqgan(),
    "clip": build_clip(),
}
LOADERS: dict[Network, Callable[..., nn.Module | None]] = {
    "dallebart": load_dallebart,
    "vqgan": load_vqgan,
    "clip": load_clip,
}


def save(
    folder: Path,
    config: ModelConfig = CONFIG,
    changed: Mapping[Network, Mapping[str, Tensor]] | None = None,
) -> Path:
    states: dict[Network, Mapping[str, Tensor]] = {
        network: model.state_dict() for network, model in MODELS.items()
    }
    save_model(folder, config, {**states, **(changed or {})}, {})
    return folder


@pytest.mark.parametrize("network", LOADERS)
def test_a_network_loads_as_it_was_saved(tmp_path: Path, network: Network) -> None:
    model = LOADERS[network](save(tmp_path / "model"))
    assert model is not None
    assert not model.training
    original = MODELS[network].state_dict()
    assert model.state_dict().keys() == original.keys()
    assert all(torch.equal(model.state_dict()[name], t) for name, t in original.items())


@pytest.mark.parametrize("network", LOADERS)
def test_half_precision_weights_load_in_the_format_asked_for(
    tmp_path: Path, network: Network
) -> None:
    half = {n: t.to(torch.bfloat16) for n, t in MODELS[network].state_dict().items()}
    folder = save(tmp_path / "model", changed={network: half})
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        model = LOADERS[network](folder, "cpu", dtype)
        assert model is not None
        assert {parameter.dtype for parameter in model.parameters()} == {dtype}


def test_loaded_networks_compute_what_the_saved_ones_did(tmp_path: Path) -> None:
    folder = save(tmp_path / "model")
    codes = torch.arange(16)[None]
    with torch.inference_mode():
        assert torch.equal(load_vqgan(folder).decode(codes), build_vqgan().decode(codes))


def test_a_model_without_clip_has_none(tmp_path: Path) -> None:
    folder = save(tmp_path / "model", replace(CONFIG, clip=None))
    assert load_clip(folder) is None


def test_a_decoder_alone_draws_and_says_what_it_cannot(tmp_path: Path) -> None:
    config = replace(CONFIG, vqgan=replace(VQGAN_CONFIG, has_encoder=False))
    half = {
        name: tensor
        for name, tensor in MODELS["vqgan"].state_dict().items()
        if not name.startswith(("encoder.", "quant_conv."))
    }
    vqgan = load_vqgan(save(tmp_path / "model", config, {"vqgan": half}))
    with torch.inference_mode():
        assert vqgan.decode(torch.zeros(1, 16, dtype=torch.long)).shape == (1, 3, 16, 16)
        with pytest.raises(UserError, match="a decoder alone and cannot turn pictures into codes"):
            vqgan.encode(torch.zeros(1, 3, 16, 16))


@pytest.mark.parametrize("network", LOADERS)
@pytest.mark.parametrize("damage", ["missing", "extra", "shape"])
def test_weights_that_are_not_exactly_the_networks_are_refused(
    tmp_path: Path, network: Network, damage: str
) -> None:
    state = dict(MODELS[network].state_dict())
    name = list(state)[3]
    if damage == "missing":
        del state[name]
    elif damage == "extra":
        name = "junk.weight"
        state[name] = torch.ones(1)
    else:
        state[name] = state[name][None]
    folder = save(tmp_path / "model", changed={network: state})
    with pytest.raises(CheckpointError, match=f"of config.json: .*{name}"):
        LOADERS[network](folder)


@pytest.mark.parametrize("network", LOADERS)
def test_a_weights_file_that_is_cut_short_is_refused(tmp_path: Path, network: Network) -> None:
    folder = save(tmp_path / "model")
    path = folder / weights_file(network)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"bytes, not .*; install the model again"):
        LOADERS[network](folder)


def test_a_weights_file_that_is_gone_is_named(tmp_path: Path) -> None:
    folder = save(tmp_path / "model")
    (folder / "vqgan.safetensors").unlink()
    with pytest.raises(UserError, match=r"vqgan\.safetensors could not be read"):
        load_vqgan(folder)
