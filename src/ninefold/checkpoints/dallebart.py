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
    Layout,
    WeightMap,
    module_rows,
)

_Names: TypeAlias = tuple[tuple[str, str, str], ...]

# Inside a layer: (dalle-mini, min-dalle, ours). The encoder has no cross-attention.
_ATTENTIONS: _Names = (
    ("FlaxBartAttention_0", "self_attn", "self_attn"),
    ("FlaxBartAttention_1", "encoder_attn", "cross_attn"),
)
_PROJECTIONS: _Names = tuple(
    (f"{flax}/{role}_proj", f"{torch}.{role}_proj", f"{ours}.{role}_proj")
    for flax, torch, ours in _ATTENTIONS
    for role in ("q", "k", "v", "out")
)
_ATTENTION_NORMS: _Names = (
    ("LayerNorm_0", "pre_self_attn_layer_norm", "self_attn.pre_ln"),
    ("LayerNorm_1", "self_attn_layer_norm", "self_attn.post_ln"),
    ("LayerNorm_2", "pre_encoder_attn_layer_norm", "cross_attn.pre_ln"),
    ("LayerNorm_3", "encoder_attn_layer_norm", "cross_attn.post_ln"),
)
_GATED: _Names = (
    ("GLU_0/Dense_0", "glu.fc0", "ffn.gate"),
    ("GLU_0/Dense_1", "glu.fc1", "ffn.up"),
    ("GLU_0/Dense_2", "glu.fc2", "ffn.down"),
)
_GATED_NORMS: _Names = (
    ("GLU_0/LayerNorm_0", "glu.ln0", "ffn.pre_ln"),
    ("GLU_0/LayerNorm_1", "glu.ln1", "ffn.mid_ln"),
)
_PLAIN: _Names = (  # `use_glu` false, which min-dalle does not have
    ("FFN_0/Dense_0", "", "ffn.gate"),
    ("FFN_0/Dense_1", "", "ffn.down"),
)
_PLAIN_NORMS: _Names = (
    ("FFN_0/LayerNorm_0", "", "ffn.pre_ln"),
    ("FFN_0/LayerNorm_1", "", "ffn.mid_ln"),
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


def flax_map(*, is_scanned: bool, use_glu: bool = True) -> WeightMap:
    """Build the table of dalle-mini's `flax_model.msgpack`.

    Args:
        is_scanned: whether all layers are stacked along the first axis of every tensor, as
            `use_scan` does and as Mega is published; else every layer is by itself.
        use_glu: whether the feed-forward networks are gated, as in all published models.
    """
    linears = _PROJECTIONS + (_GATED if use_glu else _PLAIN)
    norms = _ATTENTION_NORMS + (_GATED_NORMS if use_glu else _PLAIN_NORMS)
    table = module_rows({"lm_head": "lm_head"}, FLAX_DENSE)
    for side, title in _SIDES:
        outer = f"model/{side}"
        layer = f"{outer}/layers/FlaxBart{title}Layer" + ("s" if is_scanned else "_{}")
        for names, parameters in ((_NORMS, FLAX_NORM), (_EMBEDDINGS, FLAX_EMBED)):
            table |= module_rows({f"{outer}/{a}": f"{side}.{c}" for a, _, c in names}, parameters)
        for names, parameters in (
            (norms, FLAX_NORM),
            (linears, FLAX_DENSE),
            (_ATTENTIONS, {"/head_scale": ("head_scale", Layout.HEADS)}),
        ):
            modules = {f"{layer}/{a}": f"{side}.layers.{{}}.{c}" for a, _, c in names}
            table |= module_rows(modules, parameters, is_scanned)
    return WeightMap(table)


def min_dalle_map() -> WeightMap:
    """Build the table of min-dalle's two files."""
    inside = _ATTENTION_NORMS + _PROJECTIONS + _GATED_NORMS + _GATED
    modules = {"decoder.lm_head": "lm_head"}
    for side, _ in _SIDES:
        modules |= {f"{side}.{b}": f"{side}.{c}" for _, b, c in _NORMS + _EMBEDDINGS}
        modules |= {f"{side}.layers.{{}}.{b}": f"{side}.layers.{{}}.{c}" for _, b, c in inside}
    return WeightMap(module_rows(modules, TORCH))
