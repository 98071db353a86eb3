"""The native backend: the decoder's step in C++, in float32, bfloat16 or eight bits.

Norms, the residual stream, softmax and sums are float32 in every kind; keys and values are of the
kind's format, but those of texts bfloat16 where those of codes have eight bits. The eight-bit kind
rounds weights with a scale a column, inputs with a scale a row, keys and values with a scale a head
and position, so that no row has a part in another's rounding; its last product of a layer, whose
inputs have outliers, is bfloat16, or has inputs of twelve bits. Texts are read by the model's
encoder, without their padding.
"""

import ctypes
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from ninefold.engine.backend import Rows
from ninefold.engine.native.structures import (
    KEY_BLOCK,
    KINDS,
    PANEL,
    DecoderStruct,
    Kind,
    LayerStruct,
    Packer,
    kind_for_outliers,
    load_library_for,
)
from ninefold.engine.selection import Guidance, Selection, is_all, select_codes
from ninefold.errors import UnsupportedOptionError
from ninefold.models.attention import Attention
from ninefold.models.dallebart import DalleBart, DalleBartConfig, DecoderLayer

ACTIVATIONS = {"gelu": 0, "gelu_new": 1, "gelu_fast": 1, "silu": 2, "swish": 2, "relu": 3}

LANES = 16

_MAX_LENGTH, _MAX_WIDTH = 4096, 256


def check_supported(config: DalleBartConfig) -> None:
    """Check that the native decoder can run this architecture.

    Raises:
        UnsupportedOptionError: it cannot; the message says why.
    """
    limits = {
        "ln_type='rmsnorm'": config.ln_type != "layernorm",
        "use_bias": config.use_bias,
        "use_head_scale": config.use_head_scale,
        "use_cosine_attention": config.use_cosine_attention,
        "use_glu=False": not config.use_glu,
        f"activation_function={config.activation_function!r}": (
            config.activation_function not in ACTIVATIONS
        ),
        f"a head width of {config.decoder_head_width}": (
            bool(config.decoder_head_width % 16) or config.decoder_head_width > _MAX_WIDTH
        ),
        f"{config.image_length} codes a picture": config.image_length > _MAX_LENGTH,
    }
    for option, is_hindrance in limits.items():
        if is_hindrance:
            raise UnsupportedOptionError(f"the native decoder does not do {option}")


class NativeBackend:
    """A decoder in the C++ module's memory; the model's own decoder is not needed afterwards."""

    def __init__(
        self,
        model: DalleBart,
        num_codes: int,
        num_slots: int,
        kind: Kind,
        release: Callable[[Tensor], object] = lambda _: None,
    ) -> None:
        """Pack a model's weights, of any number format.

        Args:
            model: its encoder goes on to be used, in the format that it is in.
            num_codes: size of the codebook.
            num_slots: pictures that are drawn at a time.
            kind: number format of the products.
            release: called with weights that are not read again.

        Raises:
            NativeUnavailableError: the module cannot be built or run here.
            UnsupportedOptionError: it does not do this architecture.
        """
        config = model.config
        check_supported(config)
        self.library = load_library_for(kind)
        self.kind, self.num_codes = kind, num_codes
        self.name = f"native-{kind}"
        self.dtype: str = kind
        self.num_texts = 2 * num_slots + 2
        self.encoder = model.encoder
        self.config = config
        self._packer = Packer(self.library, release)
        self._layers = (LayerStruct * config.decoder_layers)()
        self._projections: list[Attention] = []
        self._text_lengths = torch.ones(self.num_texts, dtype=torch.int64)
        with torch.inference_mode():
            for target, layer in zip(self._layers, model.decoder.typed_layers(), strict=True):
                self._pack_layer(target, layer, 2 * num_slots)
            self._decoder = self._pack_decoder(model, 2 * num_slots)

    def read_text(self, entry: int, tokens: Tensor, mask: Tensor) -> None:
        """Encode a text without its padding and keep its keys and values under `entry`."""
        length = int(mask.sum())
        assert bool(mask[:length].all()), "padding stands after the text"
        heads, width = self.config.decoder_attention_heads, self.config.decoder_head_width
        max_length = _whole_blocks(self.config.max_text_length)
        with torch.inference_mode():
            states = self.encoder(tokens[None, :length], mask[None, :length])
            for layer, projection in zip(self._layers, self._projections, strict=True):
                keys, values = projection.keys_values(states)
                keys = keys.float().contiguous()
                values = values.float().contiguous()
                self.library.write_text(
                    ctypes.c_int64(self.kind != "float32"),
                    ctypes.c_void_p(layer.text_keys),
                    ctypes.c_void_p(layer.text_values),
                    *map(ctypes.c_int64, (entry, heads, length, max_length, width)),
                    ctypes.c_void_p(keys.data_ptr()),
                    ctypes.c_void_p(values.data_ptr()),
                )
        self._text_lengths[entry] = length

    def step(self, rows: Rows) -> Tensor:
        """Write the rows' tokens to the cache and return (R, V) logits."""
        num_rows = len(rows.tokens)
        logits = torch.empty(num_rows, _padded(self.num_codes))
        columns = [t.contiguous() for t in (rows.places, rows.tokens, rows.positions, rows.texts)]
        self.library.step(
            ctypes.byref(self._decoder),
            ctypes.c_int64(num_rows),
            *(ctypes.c_void_p(column.data_ptr()) for column in columns),
            ctypes.c_void_p(logits.data_ptr()),
        )
        return logits[:, : self.num_codes]

    def select(self, logits: Tensor, rows: Tensor, guidance: Guidance) -> Selection:
        """Guide the logits of a step and keep the likeliest codes; see `selection.select_codes`."""
        if is_all(guidance) or logits.stride(0) % LANES or logits.stride(1) != 1:
            return select_codes(logits, rows, guidance)
        num, stride = len(rows), logits.stride(0)
        codes = torch.zeros(num, guidance.top_k, dtype=torch.int64)
        kept, is_finite = torch.zeros(codes.shape), torch.empty(num, dtype=torch.bool)
        guided = torch.empty(num, stride)
        self.library.select_codes(
            ctypes.c_void_p(logits.data_ptr()),
            *map(ctypes.c_int64, (stride, num)),
            ctypes.c_void_p(rows.data_ptr()),
            ctypes.c_int64(guidance.is_guided),
            ctypes.c_float(guidance.condition_scale),
            *map(ctypes.c_int64, (guidance.num_codes, guidance.top_k)),
            *(ctypes.c_void_p(tensor.data_ptr()) for tensor in (guided, codes, kept, is_finite)),
        )
        return Selection(codes, kept, is_finite)

    def _cache(self, kind: Kind, entries: int, length: int) -> int:
        """Allocate keys or values and return their address.

        Zeros of NumPy, unlike PyTorch's, take no memory before they are written to: a slot costs
        nothing before its first picture.
        """
        heads, width = self.config.decoder_attention_heads, self.config.decoder_head_width
        size = entries * heads * _whole_blocks(length) * _cache_bytes(kind, width)
        return self._packer.keep(torch.from_numpy(np.zeros(size // 4, dtype=np.int32)))

    def _pack_layer(self, target: LayerStruct, layer: DecoderLayer, num_rows: int) -> None:
        own, text, ffn, packer = layer.self_attn, layer.cross_attn, layer.ffn, self._packer
        assert ffn.up is not None
        target.self_pre, target.self_post = packer.norm(own.pre_ln), packer.norm(own.post_ln)
        target.cross_pre, target.cross_post = packer.norm(text.pre_ln), packer.norm(text.post_ln)
        target.ffn_pre, target.ffn_mid = packer.norm(ffn.pre_ln), packer.norm(ffn.mid_ln)
        target.qkv = packer.linear(
            self.kind, own.q_proj.weight, own.k_proj.weight, own.v_proj.weight
        )
        target.self_out = packer.linear(self.kind, own.out_proj.weight)
        target.cross_query = packer.linear(self.kind, text.q_proj.weight)
        target.cross_out = packer.linear(self.kind, text.out_proj.weight)
        target.gate_up = packer.linear(self.kind, ffn.gate.weight, ffn.up.weight)
        target.down = packer.linear(kind_for_outliers(self.kind), ffn.down.weight)
        config = self.config
        target.keys = self._cache(self.kind, num_rows, config.image_length)
        target.values = self._cache(self.kind, num_rows, config.image_length)
        text_kind = _text_kind(self.kind)
        target.text_keys = self._cache(text_kind, self.num_texts, config.max_text_length)
        target.text_values = self._cache(text_kind, self.num_texts, config.max_text_length)
        text_format = next(self.encoder.parameters()).dtype
        text.k_proj.to(text_format)
        text.v_proj.to(text_format)
        self._projections.append(text)

    def _pack_decoder(self, model: DalleBart, num_rows: int) -> DecoderStruct:
        config, packer, decoder = self.config, self._packer, model.decoder
        positions = decoder.embed_positions
        has_final_norm = not isinstance(decoder.final_ln, nn.Identity)
        width, inner = config.d_model, config.decoder_ffn_dim
        wide = max(_padded(3 * width), _padded(2 * inner))

        def scratch(size: int) -> int:
            return packer.keep(torch.zeros(num_rows, size))

        embed_norm = packer.norm(decoder.embed_ln)
        return DecoderStruct(
            cache_kind=KINDS[self.kind],
            layers=config.decoder_layers,
            width=width,
            heads=config.decoder_attention_heads,
            inner=inner,
            length=_whole_blocks(config.image_length),
            text_length=_whole_blocks(config.max_text_length),
            activation=ACTIVATIONS[config.activation_function],
            embed_scale=decoder.scale,
            embed_tokens=packer.keep(decoder.embed_tokens.weight.detach().float()),
            embed_positions=(
                None if positions is None else packer.keep(positions.weight.detach().float())
            ),
            embed_norm=embed_norm,
            final_norm=packer.norm(decoder.final_ln) if has_final_norm else embed_norm,
            has_final_norm=has_final_norm,
            layer=self._layers,
            head=packer.linear(self.kind, model.lm_head.weight[: self.num_codes]),
            text_lengths=packer.keep(self._text_lengths),
            x=scratch(width),
            wide=scratch(wide),
            attended=scratch(width),
            row_scale=scratch(1),
            inputs=scratch(max(width, inner) + 1),
        )


def _text_kind(kind: Kind) -> Kind:
    """Format of the texts' keys and values."""
    return "float32" if kind == "float32" else "bfloat16"


def _cache_bytes(kind: Kind, width: int) -> int:
    """Bytes of a head's key at one position, and at least those of its value.

    Beside keys of eight bits lie their scale and that of the value.
    """
    return {"float32": 4 * width, "bfloat16": 2 * width, "int8": width + 8}[kind]


def _whole_blocks(length: int) -> int:
    return -(-length // KEY_BLOCK) * KEY_BLOCK


def _padded(outputs: int) -> int:
    return -(-outputs // PANEL) * PANEL
