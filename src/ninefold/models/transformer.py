"""The pre-norm transformer layers that CLIP's two towers are made of.

Submodules carry the names of Hugging Face's `CLIPModel`. It does not know what the vectors stand
for, nor which positions may see which: the mask comes in as an argument.

Shapes: B rows, L positions, C width.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from torch import Tensor, nn

Activation = Literal["quick_gelu", "gelu"]
"""`quick_gelu` is x · sigmoid(1.702 x), of the first published weights; `gelu` is the exact one."""


@dataclass(frozen=True)
class LayerShape:
    """What the layers of a tower have in common."""

    width: int
    heads: int
    intermediate_size: int
    activation: Activation
    eps: float


class ClipAttention(nn.Module):
    """Multi-head self-attention. (B, L, C)."""

    def __init__(self, shape: LayerShape) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, L, C) to the same shape; `mask` (B or 1, 1, L, L) is True where a query may look."""
        q, k, v = (
            proj(x).unflatten(2, (self.heads, -1)).transpose(1, 2)  # (B, heads, L, C / heads)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        mixed: Tensor = self.out_proj(attended.transpose(1, 2).flatten(2))
        return mixed


class MLP(nn.Module):
    """Two linear maps with the activation between them. (B, L, C)."""

    def __init__(self, shape: LayerShape) -> None:
        super().__init__()
        self.activation = shape.activation
        self.fc1 = nn.Linear(shape.width, shape.intermediate_size)
        self.fc2 = nn.Linear(shape.intermediate_size, shape.width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, C) to the same shape."""
        h = self.fc1(x)
        h = h * torch.sigmoid(1.702 * h) if self.activation == "quick_gelu" else F.gelu(h)
        mapped: Tensor = self.fc2(h)
        return mapped


class TransformerLayer(nn.Module):
    """Pre-norm attention and MLP, each with a residual. (B, L, C)."""

    def __init__(self, shape: LayerShape) -> None:
        super().__init__()
        self.self_attn = ClipAttention(shape)
        self.layer_norm1 = nn.LayerNorm(shape.width, shape.eps)
        self.mlp = MLP(shape)
        self.layer_norm2 = nn.LayerNorm(shape.width, shape.eps)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, L, C) to the same shape; `mask` as in `ClipAttention`."""
        x = x + self.self_attn(self.layer_norm1(x), mask)
        mapped: Tensor = self.mlp(self.layer_norm2(x))
        return x + mapped


class TransformerStack(nn.Module):
    """The layers of one tower. (B, L, C)."""

    def __init__(self, shape: LayerShape, num_layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TransformerLayer(shape) for _ in range(num_layers))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, L, C) to the same shape; `mask` as in `ClipAttention`."""
        for layer in self.layers:
            x = layer(x, mask)
        return x

    def initialize(self) -> None:
        """Draw the weights that training starts from, with the deviations of CLIP's own code.

        Biases are zero; what adds to the residual stream starts smaller in a deeper tower.
        """
        for name, parameter in self.named_parameters():
            owner = name.split(".")[-2]
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif owner == "fc1":
                nn.init.normal_(parameter, std=(2 * parameter.shape[1]) ** -0.5)
            elif owner in ("out_proj", "fc2"):
                std = parameter.shape[0] ** -0.5 * (2 * len(self.layers)) ** -0.5
                nn.init.normal_(parameter, std=std)
            elif owner.endswith("_proj"):
                nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)
