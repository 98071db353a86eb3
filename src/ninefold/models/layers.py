"""Norms, activations and the feed-forward network that DalleBart is built from."""

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from torch import Tensor, nn

NORM_EPS = 1e-5


def gelu_tanh(x: Tensor) -> Tensor:
    """GELU by its tanh approximation, `gelu_new` and `gelu_fast` of the transformers library."""
    return F.gelu(x, approximate="tanh")


def smelu(x: Tensor, beta: float = 1.0) -> Tensor:
    """SmeLU (Shamir and Lin 2022), quadratic between -beta and beta."""
    middle = (x + beta).square() / (4 * beta)
    return torch.where(x <= -beta, torch.zeros_like(x), torch.where(x >= beta, x, middle))


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_new": gelu_tanh,
    "gelu_fast": gelu_tanh,
    "relu": F.relu,
    "silu": F.silu,
    "swish": F.silu,
    "smelu": smelu,
}
"""Activations by the names of `config.json`."""


class BiasLayerNorm(nn.Module):
    """LayerNorm with a bias and no scale, as Flax builds it with `use_scale=False`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """(…, width) to the same shape."""
        if x.dtype != self.bias.dtype:
            # Under autocast: the fused norm has no backward pass for a bias of another format.
            return F.layer_norm(x, self.bias.shape, eps=NORM_EPS) + self.bias.to(x.dtype)
        return F.layer_norm(x, self.bias.shape, bias=self.bias, eps=NORM_EPS)


class RMSNorm(nn.Module):
    """Root-mean-square norm (Zhang and Sennrich 2019) with an optional scale and no bias."""

    def __init__(self, width: int, has_scale: bool) -> None:
        super().__init__()
        self.width = width
        self.weight = nn.Parameter(torch.ones(width)) if has_scale else None

    def forward(self, x: Tensor) -> Tensor:
        """(…, width) to the same shape."""
        return F.rms_norm(x, (self.width,), self.weight, eps=NORM_EPS)


def build_norm(width: int, ln_type: str, has_scale: bool) -> nn.Module:
    """Build the norm that a configuration names.

    Args:
        width: size of the last dimension.
        ln_type: `"layernorm"` or `"rmsnorm"`.
        has_scale: whether it multiplies by a learned scale.
    """
    if ln_type == "rmsnorm":
        return RMSNorm(width, has_scale)
    return nn.LayerNorm(width, eps=NORM_EPS) if has_scale else BiasLayerNorm(width)


class FeedForward(nn.Module):
    """norm, a gated or plain hidden layer, norm, output layer (Shazeer 2020; normformer)."""

    def __init__(
        self,
        width: int,
        inner_width: int,
        *,
        activation: str,
        is_gated: bool,
        norm: Callable[[int], nn.Module],
        has_bias: bool,
    ) -> None:
        """`norm` builds a norm of a width; without `is_gated` there is no `up` matrix."""
        super().__init__()
        self.activation = ACTIVATIONS[activation]
        self.pre_ln = norm(width)
        self.gate = nn.Linear(width, inner_width, bias=has_bias)
        self.up = nn.Linear(width, inner_width, bias=has_bias) if is_gated else None
        self.mid_ln = norm(inner_width)
        self.down = nn.Linear(inner_width, width, bias=has_bias)

    def forward(self, x: Tensor) -> Tensor:
        """(…, width) to the same shape."""
        h = self.pre_ln(x)
        inner = self.activation(self.gate(h))
        if self.up is not None:
            inner = inner * self.up(h)
        projected: Tensor = self.down(self.mid_ln(inner))
        return projected
