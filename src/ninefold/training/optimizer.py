"""AdamW, Muon where a recipe asks for it, and the average of weights that is shipped."""

import torch
from torch import nn

from ninefold.training.config import TrainConfig

HEAD = "lm_head"
"""Name of the output matrix, which like the embeddings has a row for each code."""
MUON_WEIGHT_DECAY = 0.01
"""A share of Muon's rate, which is some twenty times that of AdamW."""


def build_optimizers(model: nn.Module, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """Build the optimizers over the trainable parameters of `model`.

    Matrices decay, norms, biases and embeddings do not. With `config.muon_learning_rate` the
    matrices between the embeddings and the head are learned by Muon (Jordan et al., "Muon: An
    optimizer for hidden layers in neural networks", 2024), the rest by AdamW (Loshchilov and
    Hutter 2019). Each group holds its peak rate as `"peak_lr"`.
    """
    hidden: list[nn.Parameter] = []
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for prefix, module in model.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            if not parameter.requires_grad:
                continue
            is_matrix = parameter.dim() > 1 and not isinstance(module, nn.Embedding)
            if not (is_matrix and name == "weight"):
                plain.append(parameter)
            elif config.muon_learning_rate and parameter.dim() == 2 and HEAD not in prefix:
                hidden.append(parameter)
            else:
                decayed.append(parameter)
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, fused=True)
    ]
    if config.muon_learning_rate:
        rate = config.muon_learning_rate
        optimizers.append(torch.optim.Muon(hidden, lr=rate, weight_decay=MUON_WEIGHT_DECAY))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak_lr"] = group["lr"]
    return optimizers


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
