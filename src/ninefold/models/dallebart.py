"""DalleBart: the BART encoder–decoder that reads text tokens and writes image tokens.

The architecture of DALL·E Mini and Mega (Dayma et al. 2021, repository borisdayma/dalle-mini,
`model/modeling.py`) with its "normformer" layers: a norm before and after each attention, and a
gated feed-forward network with a norm before and inside. It does not know how tokens are sampled,
how guidance is applied or where weights come from.

Shapes: B prompts, R decoder rows, T text positions, N image positions, H heads, D head width,
C model width, V output vocabulary.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from ninefold.errors import UnsupportedOptionError
from ninefold.models.attention import Attention, AttentionOptions
from ninefold.models.kv_cache import CrossCache, KVCache
from ninefold.models.layers import ACTIVATIONS, FeedForward, build_norm
from ninefold.models.sketches import SketchEmbedding


@dataclass(frozen=True)
class DalleBartConfig:
    """Fields of the published `config.json`. The defaults are `mini-1:v0`."""

    encoder_layers: int = 12
    decoder_layers: int = 12
    d_model: int = 1024
    encoder_attention_heads: int = 16
    decoder_attention_heads: int = 16
    encoder_ffn_dim: int = 2730
    decoder_ffn_dim: int = 2730
    encoder_vocab_size: int = 50264
    """Ids of the text embedding; all are rows of it but for those of sketches."""
    num_sketches: int = 0
    """Designs of things that the text embedding holds sketches of (`models.sketches`); the
    published models have none."""
    sketch_looks: int = 0
    """Looks that each thing has a sketch in."""
    sketch_grounds: int = 0
    """Looks that are things by themselves on a ground: the first ones."""
    sketch_bytes: int = 0
    """Bytes of the codes that do not follow from those on white."""
    sketch_length: int = 0
    """Entries of a sketch."""
    sketch_codes: int = 0
    """Codes of an entry."""
    sketch_width: int = 0
    """Length of the codebook vectors that the embedding of a sketch is made of."""
    image_vocab_size: int = 16384
    """Rows of the image embedding and of the output are one more (see `num_image_rows`)."""
    max_text_length: int = 64
    image_length: int = 256
    """Image tokens of a picture."""
    decoder_start_token_id: int = 16384
    """Token that precedes the first image token."""
    activation_function: str = "gelu"
    use_glu: bool = True
    use_bias: bool = False
    force_ln_scale: bool = False
    """Give the norms that are followed by a matrix a scale as well as a bias."""
    ln_type: str = "layernorm"
    """`"layernorm"` or `"rmsnorm"`."""
    ln_positions: str = "normformer"
    use_head_scale: bool = False
    use_cosine_attention: bool = False
    tau_init: float = 0.05
    """Divisor of the scores of cosine attention."""
    use_absolute_position_embeddings: bool = True
    use_final_ln_encoder: bool = True
    use_final_ln_decoder: bool = True
    scale_embedding: bool = False
    use_swin_position_embeddings: bool = False
    use_deepnet_scaling: bool = False
    use_subln_init: bool = False
    use_alibi: bool = False
    sinkhorn_iters: int = 1
    tie_word_embeddings: bool = False

    def __post_init__(self) -> None:
        only = {
            "ln_positions": "normformer",
            "use_swin_position_embeddings": False,
            "use_deepnet_scaling": False,
            "use_subln_init": False,
            "use_alibi": False,
            "sinkhorn_iters": 1,
            "tie_word_embeddings": False,
        }
        for option, supported in only.items():
            if getattr(self, option) != supported:
                raise UnsupportedOptionError(
                    f"DalleBart option {option}={getattr(self, option)!r} is not supported; "
                    f"the published models use {supported!r}."
                )
        if self.activation_function not in ACTIVATIONS:
            raise UnsupportedOptionError(
                f"DalleBart option activation_function={self.activation_function!r} is not "
                f"supported; use one of {', '.join(ACTIVATIONS)}."
            )
        if self.ln_type not in ("layernorm", "rmsnorm"):
            raise UnsupportedOptionError(f"DalleBart option ln_type={self.ln_type!r} is not known.")
        for side in ("encoder", "decoder"):
            if self.d_model % getattr(self, f"{side}_attention_heads"):
                raise ValueError(f"d_model must be a multiple of {side}_attention_heads.")
        if not 0 <= self.decoder_start_token_id < self.num_image_rows:
            raise ValueError(
                f"decoder_start_token_id={self.decoder_start_token_id} must be below "
                f"image_vocab_size + 1 = {self.num_image_rows}."
            )

    @property
    def num_image_rows(self) -> int:
        """Rows of the image embedding and of the output (V)."""
        return self.image_vocab_size + 1

    @property
    def decoder_head_width(self) -> int:
        """Width of one head of the decoder's attention (D)."""
        return self.d_model // self.decoder_attention_heads


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward over text positions."""

    def __init__(self, config: DalleBartConfig) -> None:
        super().__init__()
        options = _attention_options(config)
        self.self_attn = Attention(config.d_model, config.encoder_attention_heads, options)
        self.ffn = _feed_forward(config, config.encoder_ffn_dim)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """States (B, T, C), mask bool (B, 1, 1, T), to states (B, T, C)."""
        h = self.self_attn.pre_ln(x)
        keys, values = self.self_attn.keys_values(h)
        x = x + self.self_attn.attend(self.self_attn.queries(h), keys, values, mask)
        mixed: Tensor = x + self.ffn(x)
        return mixed


class DecoderLayer(nn.Module):
    """Causal self-attention, attention to the text, feed-forward."""

    def __init__(self, config: DalleBartConfig) -> None:
        super().__init__()
        heads, options = config.decoder_attention_heads, _attention_options(config)
        self.self_attn = Attention(config.d_model, heads, options)
        self.cross_attn = Attention(config.d_model, heads, options)
        self.ffn = _feed_forward(config, config.decoder_ffn_dim)

    def forward(self, x: Tensor, causal: Tensor, states: Tensor, text_mask: Tensor) -> Tensor:
        """All positions at once.

        Args:
            x: (B, N, C).
            causal: bool (N, N), False above the diagonal.
            states: (B, T, C), of the encoder.
            text_mask: bool (B, 1, 1, T).
        """
        h = self.self_attn.pre_ln(x)
        keys, values = self.self_attn.keys_values(h)
        x = x + self.self_attn.attend(self.self_attn.queries(h), keys, values, causal)
        text = Text(*self.cross_attn.keys_values(states), text_mask)
        return self._finish(x, text)

    def step(self, x: Tensor, past: "Past", text: "Text") -> Tensor:
        """One position of every row: x (R, 1, C) to (R, 1, C)."""
        h = self.self_attn.pre_ln(x)
        new_keys, new_values = self.self_attn.keys_values(h)
        keys, values = past.cache.append(past.layer, past.positions, new_keys, new_values)
        x = x + self.self_attn.attend(self.self_attn.queries(h), keys, values, past.mask)
        return self._finish(x, text)

    def _finish(self, x: Tensor, text: "Text") -> Tensor:
        """Attention to the text and feed-forward, shared by both ways through the layer."""
        queries = self.cross_attn.queries(self.cross_attn.pre_ln(x))
        x = x + self.cross_attn.attend(queries, text.keys, text.values, text.mask)
        mixed: Tensor = x + self.ffn(x)
        return mixed


@dataclass(frozen=True)
class Past:
    """What a decoder step sees of the rows' earlier positions."""

    cache: KVCache
    layer: int
    positions: Tensor
    """(R,)"""
    mask: Tensor
    """bool (R, 1, 1, N); True up to each row's position."""


@dataclass(frozen=True)
class Text:
    """What one decoder layer sees of the rows' prompts; keys and values (R, H, T, D)."""

    keys: Tensor
    values: Tensor
    mask: Tensor
    """bool (R, 1, 1, T)"""


class Encoder(nn.Module):
    """Text tokens to states."""

    def __init__(self, config: DalleBartConfig) -> None:
        super().__init__()
        self.embed_tokens = _build_text_embedding(config)
        self.embed_positions = _build_positions(config.max_text_length, config)
        self.embed_ln = build_norm(config.d_model, config.ln_type, has_scale=True)
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder_layers))
        self.final_ln = _build_final_norm(config.use_final_ln_encoder, config)
        self.scale = config.d_model**0.5 if config.scale_embedding else 1.0

    def typed_layers(self) -> Iterator[EncoderLayer]:
        """The layers as what they are; `ModuleList` only says that they are modules."""
        return (cast("EncoderLayer", layer) for layer in self.layers)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Tokens (B, T), mask bool (B, T) to states (B, T, C)."""
        x = self.embed_tokens(tokens) * self.scale
        if self.embed_positions is not None:
            x = x + self.embed_positions.weight[: tokens.shape[1]]
        x = self.embed_ln(x)
        for layer in self.layers:
            x = layer(x, mask[:, None, None])
        states: Tensor = self.final_ln(x)
        return states


class Decoder(nn.Module):
    """Image tokens and text states to features, at all positions at once or one by one."""

    def __init__(self, config: DalleBartConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.num_image_rows, config.d_model)
        self.embed_positions = _build_positions(config.image_length, config)
        self.embed_ln = build_norm(config.d_model, config.ln_type, has_scale=True)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.final_ln = _build_final_norm(config.use_final_ln_decoder, config)
        self.scale = config.d_model**0.5 if config.scale_embedding else 1.0

    def typed_layers(self) -> Iterator[DecoderLayer]:
        """The layers as what they are; `ModuleList` only says that they are modules."""
        return (cast("DecoderLayer", layer) for layer in self.layers)

    def embed(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Tokens (R, N) at positions (N,) or (R, N) to (R, N, C)."""
        x = self.embed_tokens(tokens) * self.scale
        if self.embed_positions is not None:
            x = x + self.embed_positions(positions)
        embedded: Tensor = self.embed_ln(x)
        return embedded

    def forward(self, tokens: Tensor, states: Tensor, text_mask: Tensor) -> Tensor:
        """Tokens (B, N), states (B, T, C), text_mask bool (B, T) to features (B, N, C)."""
        length = tokens.shape[1]
        positions = torch.arange(length, device=tokens.device)
        causal = positions[:, None] >= positions
        x = self.embed(tokens, positions)
        for layer in self.layers:
            x = layer(x, causal, states, text_mask[:, None, None])
        features: Tensor = self.final_ln(x)
        return features


class DalleBart(nn.Module):
    """Encoder, decoder and the output matrix."""

    def __init__(self, config: DalleBartConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.lm_head = nn.Linear(config.d_model, config.num_image_rows, bias=False)

    def encode(self, text_tokens: Tensor, text_mask: Tensor) -> Tensor:
        """Text tokens (B, T) and their mask, bool (B, T), False at padding, to states (B, T, C)."""
        states: Tensor = self.encoder(text_tokens, text_mask)
        return states

    def forward(self, text_tokens: Tensor, text_mask: Tensor, image_tokens: Tensor) -> Tensor:
        """Logits of every next image token, as in training ("teacher forcing").

        Args:
            text_tokens: (B, T).
            text_mask: bool (B, T), False at padding.
            image_tokens: (B, N), starting with `decoder_start_token_id`.

        Returns:
            (B, N, V); `logits[:, i]` are of the token that follows `image_tokens[:, i]`.
        """
        states = self.encode(text_tokens, text_mask)
        logits: Tensor = self.lm_head(self.decoder(image_tokens, states, text_mask))
        return logits

    def build_cross_cache(self, states: Tensor, text_mask: Tensor) -> CrossCache:
        """Keys and values of the attention to the text, once per prompt.

        Args:
            states: (B, T, C), from `encode`.
            text_mask: bool (B, T).
        """
        pairs = [layer.cross_attn.keys_values(states) for layer in self.decoder.typed_layers()]
        return CrossCache([k for k, _ in pairs], [v for _, v in pairs], text_mask)

    def build_cache(self, rows: int) -> KVCache:
        """An empty cache of the decoder's own keys and values for `rows` rows."""
        config, weight = self.config, self.lm_head.weight
        heads, length = config.decoder_attention_heads, config.image_length
        shape = (config.decoder_layers, rows, heads, length, config.decoder_head_width)
        return KVCache(weight.new_zeros(shape), weight.new_zeros(shape))

    def step(
        self,
        image_tokens: Tensor,
        positions: Tensor,
        cache: KVCache,
        cross: CrossCache,
        prompt_of_row: Tensor,
    ) -> Tensor:
        """Logits of the token after the one given, for rows that may stand at different positions.

        Args:
            image_tokens: (R,), the last token of each row; `decoder_start_token_id` at position 0.
            positions: (R,), where each of these tokens stands; their keys and values are written
                to the cache there, and earlier positions are read from it.
            cache: of R rows, changed in place.
            cross: of `build_cross_cache`.
            prompt_of_row: (R,), which prompt of `cross` each row draws.

        Returns:
            (R, V) float32.
        """
        x = self.decoder.embed(image_tokens[:, None], positions[:, None])
        length = torch.arange(self.config.image_length, device=positions.device)
        mask = (length <= positions[:, None])[:, None, None]  # (R, 1, 1, N)
        text_mask = cross.mask[prompt_of_row][:, None, None]
        for index, layer in enumerate(self.decoder.typed_layers()):
            text = Text(
                cross.keys[index][prompt_of_row], cross.values[index][prompt_of_row], text_mask
            )
            x = layer.step(x, Past(cache, index, positions, mask), text)
        logits: Tensor = self.lm_head(self.decoder.final_ln(x))[:, 0].float()
        return logits


def _build_text_embedding(config: DalleBartConfig) -> nn.Embedding | SketchEmbedding:
    if not config.num_sketches:
        return nn.Embedding(config.encoder_vocab_size, config.d_model)
    return SketchEmbedding(
        config.encoder_vocab_size,
        config.num_sketches,
        (config.sketch_looks, config.sketch_grounds),
        config.sketch_bytes,
        config.sketch_length,
        config.sketch_codes,
        (config.image_vocab_size, config.sketch_width),
        config.d_model,
    )


def _build_positions(length: int, config: DalleBartConfig) -> nn.Embedding | None:
    if not config.use_absolute_position_embeddings:
        return None
    return nn.Embedding(length, config.d_model)


def _build_final_norm(is_used: bool, config: DalleBartConfig) -> nn.Module:
    if not is_used:
        return nn.Identity()
    return build_norm(config.d_model, config.ln_type, config.force_ln_scale)


def _attention_options(config: DalleBartConfig) -> AttentionOptions:
    return AttentionOptions(
        ln_type=config.ln_type,
        has_pre_scale=config.force_ln_scale,
        has_bias=config.use_bias,
        has_head_scale=config.use_head_scale,
        tau=config.tau_init if config.use_cosine_attention else None,
    )


def _feed_forward(config: DalleBartConfig, inner_width: int) -> FeedForward:
    return FeedForward(
        config.d_model,
        inner_width,
        activation=config.activation_function,
        is_gated=config.use_glu,
        norm=lambda width: build_norm(width, config.ln_type, config.force_ln_scale),
        has_bias=config.use_bias,
    )
