"""AdamW with weight decay on matrices only, and the average of weights that is shipped."""

import torch
from torch import nn

from ninefold.training.config import TrainConfig


def build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """Build AdamW (Loshchilov and Hutter 2019) over the trainable parameters of `model`."""
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if not parameter.requires_grad:
                continue
            is_matrix = parameter.dim() > 1 and not isinstance(module, nn.Embedding)
            (decayed if is_matrix and name == "weight" else plain).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, fused=True)


@torch.no_grad()
def update_average(
    average: dict[str, torch.Tensor], model: nn.Module, decay: float, step: int
) -> None:
    """Move the averaged weights towards those of `model`, in place.

    The decay is smaller in the first steps, so that the average forgets the random start.
    """
    decay = min(decay, (1 + step) / (10 + step))
    floats = []
    current = []
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            floats.append(average[name])
            current.append(value)
        else:
            average[name].copy_(value)
    torch._foreach_lerp_(floats, current, 1 - decay)
