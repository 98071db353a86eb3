"""The reference backend: the model's own step, on rows in safe multiples. Exact, on any device.

In float32 on a CPU its logits are those of `generation/`, bit by bit, on every machine on which
products of 16, 18, 24, 32, … rows give a row the same bits (docs/decisions/0002-fixed-groups.md).
"""

import torch
from torch import Tensor

from ninefold.engine.backend import Rows
from ninefold.engine.selection import select_codes
from ninefold.models.dallebart import DalleBart
from ninefold.models.kv_cache import CrossCache, KVCache

ROW_MULTIPLE = 8
MIN_ROWS = 16


class EagerBackend:
    """`DalleBart.step` for the first rows of the cache, up to the last that is in use."""

    def __init__(self, model: DalleBart, num_codes: int, num_slots: int) -> None:
        self.model, self.num_codes = model, num_codes
        weight = model.lm_head.weight
        self.device = weight.device
        self.dtype = str(weight.dtype).removeprefix("torch.")
        self.name = "eager" if self.dtype == "float32" else f"eager-{self.dtype}"
        self.num_texts = 2 * num_slots + 2
        config = model.config
        with torch.inference_mode():
            self.cache = model.build_cache(_safe_rows(2 * num_slots))
            shape = (self.num_texts, config.decoder_attention_heads, config.max_text_length)
            width = config.decoder_head_width
            self.cross = CrossCache(
                [weight.new_zeros(*shape, width) for _ in range(config.decoder_layers)],
                [weight.new_zeros(*shape, width) for _ in range(config.decoder_layers)],
                torch.ones(self.num_texts, config.max_text_length, dtype=torch.bool).to(
                    self.device
                ),
            )

    def read_text(self, entry: int, tokens: Tensor, mask: Tensor) -> None:
        """Encode a text and keep its keys and values under `entry`."""
        with torch.inference_mode():
            mask = mask[None].to(self.device)
            states = self.model.encode(tokens[None].to(self.device), mask)
            # Two texts, as in `generate`: the same number of rows for the same bits.
            one = self.model.build_cross_cache(states.expand(2, -1, -1), mask.expand(2, -1))
            for kept, new in ((self.cross.keys, one.keys), (self.cross.values, one.values)):
                for layer, tensor in zip(kept, new, strict=True):
                    layer[entry] = tensor[0]
            self.cross.mask[entry] = mask[0]

    select = staticmethod(select_codes)

    def step(self, rows: Rows) -> Tensor:
        """Write the rows' tokens to the cache and return (R, V) logits."""
        num_rows = _safe_rows(int(rows.places.max()) + 1)
        tokens, positions, texts = (
            torch.zeros(num_rows, dtype=torch.int64).index_copy(0, rows.places, values)
            for values in (rows.tokens, rows.positions, rows.texts)
        )
        with torch.inference_mode():
            cache = KVCache(self.cache.keys[:, :num_rows], self.cache.values[:, :num_rows])
            logits = self.model.step(
                tokens.to(self.device),
                positions.to(self.device),
                cache,
                self.cross,
                texts.to(self.device),
            )
            return logits.to("cpu", torch.float32)[rows.places, : self.num_codes]


def _safe_rows(num_rows: int) -> int:
    return max(MIN_ROWS, -(-num_rows // ROW_MULTIPLE) * ROW_MULTIPLE)
