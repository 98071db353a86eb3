"""The backend for accelerators: every step in one shape, recorded once where that is possible.

A step always takes all rows that there are slots for, over the whole cache with later positions
masked, so that nothing depends on which pictures are drawn or how far they are, neither the shapes
of a CUDA graph nor the kernels that a device chooses for them. Weights that read the same input
are joined, and attention is PyTorch's own, which takes the fastest kernel that the device has for
a mask. Runs on a CPU as well, where it is tested and slower than the other backends.

Shapes: R rows, H heads, N positions of a picture, T text positions, D head width, C width.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from torch import Tensor

from ninefold.engine.backend import Rows
from ninefold.engine.selection import select_codes
from ninefold.errors import UnsupportedOptionError
from ninefold.models.attention import Attention
from ninefold.models.dallebart import DalleBart, DalleBartConfig, DecoderLayer

Record = Callable[[Callable[[], Tensor]], Callable[[], Tensor]]
"""Takes what computes a step from tensors that stay, and returns what computes it again."""


def check_static(config: DalleBartConfig) -> None:
    """Check that this backend can run an architecture.

    Raises:
        UnsupportedOptionError: it cannot; the message says why.
    """
    for option in ("use_bias", "use_head_scale", "use_cosine_attention"):
        if getattr(config, option):
            raise UnsupportedOptionError(f"the decoder of fixed shapes does not do {option}")


def record_cuda_graph(compute: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """Record a step as a CUDA graph, after three on another stream, as PyTorch asks."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call] # PyTorch's own
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            compute()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        logits = compute()

    def replay() -> Tensor:
        graph.replay()
        return logits

    return replay


@dataclass(frozen=True)
class _Layer:
    """A decoder layer with its joined weights, its caches and those of the texts."""

    layer: DecoderLayer
    qkv: Tensor
    """(3 C, C)"""
    gate_up: Tensor
    """(2 inner, C), or (inner, C) without a gate."""
    keys: Tensor
    """(R, H, N, D)"""
    values: Tensor
    text_keys: Tensor
    """(texts, H, T, D)"""
    text_values: Tensor


class StaticBackend:
    """All rows at every step, in one shape."""

    def __init__(
        self, model: DalleBart, num_codes: int, num_slots: int, record: Record | None = None
    ) -> None:
        """Build around a model on its device.

        Args:
            model: in the number format to draw with.
            num_codes: size of the codebook.
            num_slots: pictures that are drawn at a time.
            record: how a step is recorded; None for a CUDA graph where the model is on a GPU, and
                none elsewhere.

        Raises:
            UnsupportedOptionError: it does not do this architecture.
        """
        config, weight = model.config, model.lm_head.weight
        check_static(config)
        self.model, self.num_codes = model, num_codes
        self.num_rows, self.num_texts = 2 * num_slots, 2 * num_slots + 2
        self.device = weight.device
        self.dtype = str(weight.dtype).removeprefix("torch.")
        self.name = "static" if self.dtype == "float32" else f"static-{self.dtype}"
        heads, width = config.decoder_attention_heads, config.decoder_head_width
        zeros = partial(torch.zeros, dtype=torch.int64, device=self.device)
        with torch.inference_mode():
            self._tokens, self._positions = zeros(self.num_rows), zeros(self.num_rows)
            self._texts = zeros(self.num_rows)
            self._head = weight[:num_codes]
            self._is_text = torch.ones(
                self.num_texts, config.max_text_length, dtype=torch.bool, device=self.device
            )
            own = (self.num_rows, heads, config.image_length, width)
            text = (self.num_texts, heads, config.max_text_length, width)
            self._layers = [
                _Layer(
                    layer,
                    torch.cat([_weight(layer.self_attn, name) for name in "qkv"]),
                    torch.cat([m.weight for m in (layer.ffn.gate, layer.ffn.up) if m is not None]),
                    *(weight.new_zeros(shape) for shape in (own, own, text, text)),
                )
                for layer in model.decoder.typed_layers()
            ]
            if record is None and self.device.type == "cuda":
                record = record_cuda_graph
            self._run = record(self._compute) if record else self._compute

    def read_text(self, entry: int, tokens: Tensor, mask: Tensor) -> None:
        """Encode a text and keep its keys and values under `entry`."""
        with torch.inference_mode():
            mask = mask[None].to(self.device)
            states = self.model.encode(tokens[None].to(self.device), mask)
            for each in self._layers:
                keys, values = each.layer.cross_attn.keys_values(states)
                each.text_keys[entry], each.text_values[entry] = keys[0], values[0]
            self._is_text[entry] = mask[0]

    select = staticmethod(select_codes)

    def step(self, rows: Rows) -> Tensor:
        """Write the rows' tokens to the cache and return (R, V) logits.

        Rows that do not step are computed too, at position 0 of a place that nobody draws in.
        """
        with torch.inference_mode():
            for kept, values in (
                (self._tokens, rows.tokens),
                (self._positions, rows.positions),
                (self._texts, rows.texts),
            ):
                padded = torch.zeros(self.num_rows, dtype=torch.int64)
                kept.copy_(padded.index_copy(0, rows.places, values))
            return self._run().to("cpu", torch.float32)[rows.places]

    def _compute(self) -> Tensor:
        """One step from the tensors that stay; nothing in it asks for a value."""
        decoder = self.model.decoder
        x = decoder.embed(self._tokens[:, None], self._positions[:, None])[:, 0]
        length = torch.arange(self.model.config.image_length, device=self.device)
        past = (length <= self._positions[:, None])[:, None, None]  # (R, 1, 1, N)
        text = self._is_text[self._texts][:, None, None]  # (R, 1, 1, T)
        for each in self._layers:
            x = self._step_layer(x, each, past, text)
        return F.linear(decoder.final_ln(x), self._head)

    def _step_layer(self, x: Tensor, each: _Layer, past: Tensor, text: Tensor) -> Tensor:
        own, cross, ffn = each.layer.self_attn, each.layer.cross_attn, each.layer.ffn
        heads = own.num_heads
        qkv = F.linear(own.pre_ln(x), each.qkv).view(self.num_rows, 3, heads, -1)
        places = torch.arange(self.num_rows, device=self.device)
        each.keys[places, :, self._positions] = qkv[:, 1]
        each.values[places, :, self._positions] = qkv[:, 2]
        x = x + _attend(own, qkv[:, 0], each.keys, each.values, past)
        queries = cross.q_proj(cross.pre_ln(x)).view(self.num_rows, heads, -1)
        keys, values = each.text_keys[self._texts], each.text_values[self._texts]
        x = x + _attend(cross, queries, keys, values, text)
        inner = F.linear(ffn.pre_ln(x), each.gate_up)
        if ffn.up is None:
            inner = ffn.activation(inner)
        else:
            gate, up = inner.chunk(2, dim=-1)
            inner = ffn.activation(gate) * up
        mixed: Tensor = x + ffn.down(ffn.mid_ln(inner))
        return mixed


def _weight(attention: Attention, name: str) -> Tensor:
    return attention.get_parameter(f"{name}_proj.weight").detach()


def _attend(
    attention: Attention, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor
) -> Tensor:
    """(R, H, D) queries over (R, H, T, D) keys and values to (R, C), projected and normed."""
    heads = F.scaled_dot_product_attention(queries[:, :, None], keys, values, attn_mask=mask)
    attended: Tensor = attention.post_ln(attention.out_proj(heads.flatten(1)))
    return attended
