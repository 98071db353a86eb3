"""Weight tables of the VQGAN. Our names are those of taming-transformers.

Sources: github.com/CompVis/taming-transformers (`.ckpt`), github.com/patil-suraj/vqgan-jax
(`flax_model.msgpack`), and github.com/kuprel/min-dalle, whose `detoker.pt` is the decoder alone.
"""

from ninefold.checkpoints.weight_map import (
    FLAX_CONV,
    FLAX_EMBED,
    FLAX_NORM,
    TORCH,
    WeightMap,
    module_rows,
)

_BLOCKS = {  # residual blocks: vqgan-jax to ours
    "encoder/down_{}/block_{}": "encoder.down.{}.block.{}",
    "encoder/mid/block_1": "encoder.mid.block_1",
    "encoder/mid/block_2": "encoder.mid.block_2",
    "decoder/mid/block_1": "decoder.mid.block_1",
    "decoder/mid/block_2": "decoder.mid.block_2",
    "decoder/up_{}/block_{}": "decoder.up.{}.block.{}",
}
_ATTENTION = {
    "encoder/down_{}/attn_{}": "encoder.down.{}.attn.{}",
    "encoder/mid/attn_1": "encoder.mid.attn_1",
    "decoder/mid/attn_1": "decoder.mid.attn_1",
    "decoder/up_{}/attn_{}": "decoder.up.{}.attn.{}",
}
_NORMS = {
    "encoder/norm_out": "encoder.norm_out",
    "decoder/norm_out": "decoder.norm_out",
    **{f"{a}/{norm}": f"{b}.{norm}" for a, b in _BLOCKS.items() for norm in ("norm1", "norm2")},
    **{f"{a}/norm": f"{b}.norm" for a, b in _ATTENTION.items()},
}
_CONVS = {
    "encoder/conv_in": "encoder.conv_in",
    "encoder/conv_out": "encoder.conv_out",
    "encoder/down_{}/downsample/conv": "encoder.down.{}.downsample.conv",
    "decoder/conv_in": "decoder.conv_in",
    "decoder/conv_out": "decoder.conv_out",
    "decoder/up_{}/upsample/conv": "decoder.up.{}.upsample.conv",
    "quant_conv": "quant_conv",
    "post_quant_conv": "post_quant_conv",
    **{
        f"{a}/{conv}": f"{b}.{conv}"
        for a, b in _BLOCKS.items()
        for conv in ("conv1", "conv2", "nin_shortcut")
    },
    **{
        f"{a}/{conv}": f"{b}.{conv}"
        for a, b in _ATTENTION.items()
        for conv in ("q", "k", "v", "proj_out")
    },
}
_EMBED = {"quantize/embedding": "quantize.embedding"}

_OURS = [*_NORMS.values(), *_CONVS.values(), *_EMBED.values()]
_DECODER_HALF = [name for name in _OURS if name.startswith(("decoder.", "post_quant_conv"))]

FLAX = WeightMap(
    {
        **module_rows(_NORMS, FLAX_NORM),
        **module_rows(_CONVS, FLAX_CONV),
        **module_rows(_EMBED, FLAX_EMBED),
    }
)
"""vqgan-jax."""

TAMING = WeightMap(
    {
        **module_rows({name: name for name in _OURS}, TORCH),
        "loss.*": None,  # the discriminator and the perceptual network of its training
    }
)
"""The `state_dict` of taming-transformers."""

DETOKER = WeightMap(
    {
        **module_rows({name: name for name in _DECODER_HALF}, TORCH),
        **module_rows({"embedding": "quantize.embedding"}, TORCH),
    }
)
"""min-dalle's decoder half; the model that it fills has no encoder."""
