"""DalleBart is the published architecture, and its two ways through the decoder agree."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ninefold.errors import UnsupportedOptionError
from ninefold.models.dallebart import DalleBart, DalleBartConfig

TINY = DalleBartConfig(
    encoder_layers=2, decoder_layers=2, d_model=16, encoder_attention_heads=2,
    decoder_attention_heads=4, encoder_ffn_dim=24, decoder_ffn_dim=20, encoder_vocab_size=30,
    image_vocab_size=12, max_text_length=6, image_length=9, decoder_start_token_id=12,
)  # fmt: skip
MEGA = DalleBartConfig(
    encoder_layers=24, decoder_layers=24, d_model=2048, encoder_attention_heads=32,
    decoder_attention_heads=32, encoder_ffn_dim=4096, decoder_ffn_dim=4096,
    encoder_vocab_size=50272, image_vocab_size=16415,
)  # fmt: skip


def build(config: DalleBartConfig) -> DalleBart:
    """A model whose every parameter matters, norms and biases included."""
    torch.manual_seed(0)
    model = DalleBart(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.2)
    return model


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    text = torch.randint(0, 30, (2, 6), generator=generator)
    mask = torch.arange(6) < torch.tensor([[4], [6]])
    image = torch.randint(0, 12, (2, 9), generator=generator)
    image[:, 0] = 12
    return text, mask, image


@pytest.mark.parametrize(
    ("config", "count"), [(DalleBartConfig(), 437_833_712), (MEGA, 2_587_521_024)]
)
def test_published_shapes_have_the_published_numbers_of_parameters(
    config: DalleBartConfig, count: int
) -> None:
    with torch.device("meta"):
        model = DalleBart(config)
    assert sum(p.numel() for p in model.parameters()) == count


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"force_ln_scale": True},
        {"use_bias": True},
        {"use_glu": False},
        {"ln_type": "rmsnorm"},
        {"use_head_scale": True},
        {"use_cosine_attention": True},
        {"scale_embedding": True},
        {"use_absolute_position_embeddings": False},
        {"use_final_ln_encoder": False, "use_final_ln_decoder": False},
        {"activation_function": "smelu"},
        {"activation_function": "gelu_new"},
        {"activation_function": "swish"},
    ],
    ids=lambda options: ",".join(options) or "published",
)
def test_steps_with_a_cache_equal_all_positions_at_once(options: dict[str, object]) -> None:
    model = build(replace(TINY, **options))  # type: ignore[arg-type]  # fields of many types
    text, mask, image = inputs()
    with torch.inference_mode():
        at_once = model(text, mask, image)
        cross = model.build_cross_cache(model.encode(text, mask), mask)
        cache = model.build_cache(2)
        steps = [
            model.step(image[:, i], torch.full((2,), i), cache, cross, torch.arange(2))
            for i in range(9)
        ]
    torch.testing.assert_close(torch.stack(steps, 1), at_once, rtol=1e-5, atol=1e-5)


def test_rows_at_different_positions_do_not_disturb_each_other() -> None:
    model = build(TINY)
    text, mask, image = inputs()
    with torch.inference_mode():
        at_once = model(text, mask, image)
        cross = model.build_cross_cache(model.encode(text, mask), mask)
        cache = model.build_cache(2)
        # The second row is always two positions behind the first.
        for first in range(9 + 2):
            positions = torch.tensor([min(first, 8), max(first - 2, 0)])
            tokens = image[torch.arange(2), positions]
            logits = model.step(tokens, positions, cache, cross, torch.tensor([0, 1]))
            if first < 9:
                torch.testing.assert_close(logits[0], at_once[0, first], rtol=1e-5, atol=1e-5)
            if first >= 2:
                torch.testing.assert_close(logits[1], at_once[1, first - 2], rtol=1e-5, atol=1e-5)


def test_rows_may_share_a_prompt() -> None:
    model = build(TINY)
    text, mask, image = inputs()
    with torch.inference_mode():
        cross = model.build_cross_cache(model.encode(text, mask), mask)
        cache = model.build_cache(3)
        prompts = torch.tensor([1, 1, 0])
        logits = model.step(image[[0, 0, 0], 0], torch.zeros(3).long(), cache, cross, prompts)
    assert torch.equal(logits[0], logits[1])
    assert not torch.allclose(logits[0], logits[2])


def test_padding_of_the_text_does_not_matter() -> None:
    model = build(TINY)
    text, mask, image = inputs()
    other = text.clone()
    other[0, 4:] = 7
    with torch.inference_mode():
        torch.testing.assert_close(model(text, mask, image)[0], model(other, mask, image)[0])


def test_a_position_sees_only_what_is_before_it() -> None:
    model = build(TINY)
    text, mask, image = inputs()
    other = image.clone()
    other[:, 5:] = 3
    with torch.inference_mode():
        logits, changed = model(text, mask, image), model(text, mask, other)
    torch.testing.assert_close(logits[:, :5], changed[:, :5])
    assert not torch.allclose(logits[:, 5:], changed[:, 5:])


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("ln_positions", "postln"),
        ("use_swin_position_embeddings", True),
        ("use_deepnet_scaling", True),
        ("use_subln_init", True),
        ("use_alibi", True),
        ("sinkhorn_iters", 4),
        ("tie_word_embeddings", True),
        ("activation_function", "mish"),
        ("ln_type", "batchnorm"),
    ],
)
def test_an_option_that_is_not_implemented_is_refused_by_name(option: str, value: object) -> None:
    with pytest.raises(UnsupportedOptionError, match=option):
        replace(TINY, **{option: value})  # type: ignore[arg-type]  # fields of many types


def test_impossible_shapes_say_what_to_do() -> None:
    with pytest.raises(ValueError, match="multiple of decoder_attention_heads"):
        replace(TINY, decoder_attention_heads=5)
    with pytest.raises(ValueError, match="below image_vocab_size"):
        replace(TINY, decoder_start_token_id=13)
