"""Weight tables of DalleBart.

Sources: github.com/borisdayma/dalle-mini (`flax_model.msgpack`, its layers apart or stacked) and
github.com/kuprel/min-dalle (`encoder.pt` and `decoder.pt`, read here as one source whose names
begin with "encoder." and "decoder."). The norms before a linear map have a bias alone unless
`force_ln_scale` is set; their weight is taken if, and only if, the model has one.
"""

from typing import TypeAlias

from ninefold.checkpoints.weight_map import (
    FLAX_DENSE,
    FLAX_EMBED,
    FLAX_NORM,
    TORCH,
    Table,
    WeightMap,
    module_rows,
)

_Names: TypeAlias = tuple[tuple[str, str, str], ...]

# Inside a layer: (dalle-mini, min-dalle, ours). The encoder has no cross-attention.
_LAYER_NORMS: _Names = (
    ("LayerNorm_0", "pre_self_attn_layer_norm", "self_attn.pre_ln"),
    ("LayerNorm_1", "self_attn_layer_norm", "self_attn.post_ln"),
    ("LayerNorm_2", "pre_encoder_attn_layer_norm", "cross_attn.pre_ln"),
    ("LayerNorm_3", "encoder_attn_layer_norm", "cross_attn.post_ln"),
    ("GLU_0/LayerNorm_0", "glu.ln0", "ffn.pre_ln"),
    ("GLU_0/LayerNorm_1", "glu.ln1", "ffn.mid_ln"),
)
_LAYER_LINEARS: _Names = (
    *(
        (f"{flax}/{role}_proj", f"{torch}.{role}_proj", f"{ours}.{role}_proj")
        for flax, torch, ours in (
            ("FlaxBartAttention_0", "self_attn", "self_attn"),
            ("FlaxBartAttention_1", "encoder_attn", "cross_attn"),
        )
        for role in ("q", "k", "v", "out")
    ),
    ("GLU_0/Dense_0", "glu.fc0", "ffn.gate"),
    ("GLU_0/Dense_1", "glu.fc1", "ffn.up"),
    ("GLU_0/Dense_2", "glu.fc2", "ffn.down"),
)

# Outside the layers, in the encoder and in the decoder.
_NORMS: _Names = (
    ("layernorm_embedding", "layernorm_embedding", "embed_ln"),
    ("final_ln", "final_ln", "final_ln"),
)
_EMBEDDINGS: _Names = (
    ("embed_tokens", "embed_tokens", "embed_tokens"),
    ("embed_positions", "embed_positions", "embed_positions"),
)

_SIDES = (("encoder", "Encoder"), ("decoder", "Decoder"))


def _flax(layers: str, is_stacked: bool) -> Table:
    """Rows for layers that are called `layers`, in which Side stands for Encoder or Decoder."""
    table = module_rows({"lm_head": "lm_head"}, FLAX_DENSE)
    for side, title in _SIDES:
        outer, inner = f"model/{side}", f"model/{side}/layers/{layers.replace('Side', title)}"
        for names, parameters in ((_NORMS, FLAX_NORM), (_EMBEDDINGS, FLAX_EMBED)):
            table |= module_rows({f"{outer}/{a}": f"{side}.{c}" for a, _, c in names}, parameters)
        for names, parameters in ((_LAYER_NORMS, FLAX_NORM), (_LAYER_LINEARS, FLAX_DENSE)):
            modules = {f"{inner}/{a}": f"{side}.layers.{{}}.{c}" for a, _, c in names}
            table |= module_rows(modules, parameters, is_stacked)
    return table


def _min_dalle() -> Table:
    table = module_rows({"decoder.lm_head": "lm_head"}, TORCH)
    for side, _ in _SIDES:
        outer = {f"{side}.{b}": f"{side}.{c}" for _, b, c in (*_NORMS, *_EMBEDDINGS)}
        inner = {
            f"{side}.layers.{{}}.{b}": f"{side}.layers.{{}}.{c}"
            for _, b, c in (*_LAYER_NORMS, *_LAYER_LINEARS)
        }
        table |= module_rows(outer | inner, TORCH)
    return table


FLAX = WeightMap(_flax("FlaxBartSideLayer_{}", is_stacked=False))
"""dalle-mini with `use_scan` false: every layer by itself."""

FLAX_SCANNED = WeightMap(_flax("FlaxBartSideLayers", is_stacked=True))
"""dalle-mini with `use_scan` true, as published: all layers stacked along the first axis."""

MIN_DALLE = WeightMap(_min_dalle())
"""min-dalle."""
