"""Networks without weights: shapes at once, nothing in memory, no configuration that breaks us."""

import contextlib
import dataclasses
import json
from typing import Any

import pytest
import torch
from torch import nn

from ninefold.checkpoints.config_json import parse_config
from ninefold.checkpoints.empty_model import build_empty, shapes_of
from ninefold.errors import CheckpointError, NinefoldError
from ninefold.models.clip import CLIP
from ninefold.models.dallebart import DalleBart
from ninefold.models.vqgan import VQGAN
from tests.tiny import CLIP_CONFIG, DALLEBART, VQGAN_CONFIG

NETWORKS: list[tuple[type[nn.Module], Any]] = [
    (DalleBart, DALLEBART),
    (VQGAN, VQGAN_CONFIG),
    (CLIP, CLIP_CONFIG),
]


@pytest.mark.parametrize(("build", "config"), NETWORKS)
def test_an_empty_network_has_the_shapes_of_a_real_one_and_no_content(
    build: type[nn.Module], config: Any
) -> None:
    state = build(config).state_dict()
    assert shapes_of(build, config) == {name: tuple(t.shape) for name, t in state.items()}
    assert all(parameter.is_meta for parameter in build_empty(build, config).parameters())
    assert not torch.empty(1).is_meta


@pytest.mark.parametrize(("build", "config"), NETWORKS)
def test_no_value_of_a_configuration_is_beyond_a_sentence(
    build: type[nn.Module], config: Any
) -> None:
    values = json.loads(json.dumps(dataclasses.asdict(config)))
    wrong = [0, 7, -1, 2**33, 2**39, [], [0], "x", None, True, 0.5]
    for key in values:
        is_count = key.endswith("_layers") or key == "num_res_blocks"
        for value in wrong:
            if is_count and isinstance(value, int) and value > 7:
                continue  # so many layers would be built
            with contextlib.suppress(NinefoldError):
                shapes_of(build, parse_config(type(config), values | {key: value}, "it"))


def test_a_mistake_of_ours_is_not_blamed_on_the_configuration() -> None:
    def build(_: None) -> nn.Module:
        raise TypeError("a mistake")

    with pytest.raises(TypeError, match="a mistake"):
        build_empty(build, None)


def test_sizes_beyond_every_address_space_are_refused() -> None:
    with pytest.raises(CheckpointError, match="no network has sizes like its"):
        shapes_of(DalleBart, dataclasses.replace(DALLEBART, d_model=2**39))
