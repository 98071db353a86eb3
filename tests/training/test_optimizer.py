"""Weight decay touches matrices only; the average follows the weights."""

from dataclasses import replace

import torch
from torch import nn

from ninefold.training.config import TrainConfig
from ninefold.training.optimizer import build_optimizers, update_average

CONFIG = TrainConfig(num_steps=1, batch_size=1, learning_rate=1e-3, weight_decay=0.5)


def test_only_matrices_decay() -> None:
    model = nn.Sequential(nn.Embedding(3, 4), nn.Linear(4, 5), nn.LayerNorm(5))
    (optimizer,) = build_optimizers(model, CONFIG)
    decayed, plain = optimizer.param_groups
    assert [tuple(p.shape) for p in decayed["params"]] == [(5, 4)]
    assert decayed["weight_decay"] == 0.5
    assert plain["weight_decay"] == 0.0
    assert len(plain["params"]) == 4


def test_frozen_parameters_are_left_out() -> None:
    model = nn.Linear(2, 2).requires_grad_(False)
    model.bias.requires_grad_(True)
    (optimizer,) = build_optimizers(model, CONFIG)
    assert [len(group["params"]) for group in optimizer.param_groups] == [0, 1]


def test_muon_learns_the_matrices_between_embeddings_and_head() -> None:
    model = nn.ModuleDict(
        {"embed": nn.Embedding(3, 4), "layer": nn.Linear(4, 5), "lm_head": nn.Linear(5, 3)}
    )
    adam, muon = build_optimizers(model, replace(CONFIG, muon_learning_rate=0.03))
    (hidden,) = muon.param_groups
    assert [tuple(p.shape) for p in hidden["params"]] == [(5, 4)]
    assert hidden["peak_lr"] == 0.03
    decayed, plain = adam.param_groups
    assert [tuple(p.shape) for p in decayed["params"]] == [(3, 5)]
    assert len(plain["params"]) == 3
    assert {group["peak_lr"] for group in adam.param_groups} == {1e-3}


def test_the_average_moves_towards_the_weights_and_copies_counters() -> None:
    model = nn.BatchNorm1d(2)
    average = {name: value.detach().clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        model.weight.fill_(3.0)
    assert model.num_batches_tracked is not None
    model.num_batches_tracked.fill_(7)
    update_average(average, model, decay=0.9, step=1000)
    torch.testing.assert_close(average["weight"], torch.full((2,), 1.2))
    assert average["num_batches_tracked"] == 7


def test_the_average_forgets_the_random_start() -> None:
    model = nn.Linear(1, 1)
    average = {name: torch.full_like(value, 100.0) for name, value in model.state_dict().items()}
    for step in range(200):
        update_average(average, model, decay=0.999, step=step)
    assert abs(float(average["weight"]) - float(model.weight.detach())) < 1e-3
