"""The attention of DalleBart: multi-head, between a norm before it and a norm after it.

Causal or not, with or without a cache, is the caller's affair: keys, values and a mask come in.

Shapes: B rows, Q queries, T keys, H heads, D head width, C = H · D model width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ninefold.models.layers import build_norm


@dataclass(frozen=True)
class AttentionOptions:
    """What a configuration may change."""

    ln_type: str = "layernorm"
    has_pre_scale: bool = False
    """Whether the norm before it has a scale; the norm after it always has."""
    has_bias: bool = False
    """Whether the four matrices have biases."""
    has_head_scale: bool = False
    """Whether every head's result is multiplied by a learned number."""
    tau: float | None = None
    """Divisor of the scores of cosine attention; None for products of plain queries and keys."""


class Attention(nn.Module):
    """Multi-head attention between a norm before and a norm after it, without the residual."""

    def __init__(self, width: int, num_heads: int, options: AttentionOptions) -> None:
        super().__init__()
        bias = options.has_bias
        self.num_heads = num_heads
        self.tau = options.tau
        self.pre_ln = build_norm(width, options.ln_type, options.has_pre_scale)
        self.q_proj = nn.Linear(width, width, bias=bias)
        self.k_proj = nn.Linear(width, width, bias=bias)
        self.v_proj = nn.Linear(width, width, bias=bias)
        self.out_proj = nn.Linear(width, width, bias=bias)
        self.post_ln = build_norm(width, options.ln_type, has_scale=True)
        self.head_scale = (
            nn.Parameter(torch.ones(num_heads, 1, 1)) if options.has_head_scale else None
        )

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, C) to keys and values, each (B, H, T, D)."""
        keys, values = self._split_heads(self.k_proj(x)), self._split_heads(self.v_proj(x))
        if self.tau is not None:
            keys = keys / (torch.linalg.vector_norm(keys, dim=-1, keepdim=True) + 1e-8)
        return keys, values

    def queries(self, x: Tensor) -> Tensor:
        """(B, Q, C) to queries (B, H, Q, D), scaled for the product with keys."""
        queries = self._split_heads(self.q_proj(x))
        if self.tau is not None:
            lengths = torch.linalg.vector_norm(queries, dim=-1, keepdim=True)
            scaled: Tensor = queries / (lengths + 1e-8) / self.tau
            return scaled
        scale: float = queries.shape[-1] ** -0.5
        return queries * scale

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """Weighted values, projected and normed.

        Args:
            queries: (B, H, Q, D), from `queries`.
            keys: (B, H, T, D).
            values: (B, H, T, D).
            mask: bool, broadcastable to (B, H, Q, T); False hides a key.

        Returns:
            (B, Q, C).
        """
        scores = (queries @ keys.transpose(-1, -2)).float()  # (B, H, Q, T)
        weights = scores.masked_fill(~mask, float("-inf")).softmax(dim=-1).to(values.dtype)
        heads = weights @ values  # (B, H, Q, D)
        if self.head_scale is not None:
            heads = heads * self.head_scale
        attended: Tensor = self.post_ln(self.out_proj(heads.transpose(1, 2).flatten(2)))
        return attended

    def _split_heads(self, x: Tensor) -> Tensor:
        rows, length, _ = x.shape
        return x.view(rows, length, self.num_heads, -1).transpose(1, 2)
