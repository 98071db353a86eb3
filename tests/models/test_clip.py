"""Laws of CLIP: unit vectors, causal texts read off at their end, pictures of any size."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from ninefold.errors import UnsupportedOptionError
from ninefold.models.clip import CLIP, CLIPConfig

EOS = 2
TINY = CLIPConfig(
    projection_dim=16,
    image_size=16,
    patch_size=8,
    vision_width=24,
    vision_layers=2,
    vision_heads=3,
    vision_intermediate_size=40,
    vocab_size=50,
    max_positions=12,
    text_width=20,
    text_layers=2,
    text_heads=2,
    text_intermediate_size=28,
    eos_token_id=EOS,
)


def build_tiny(config: CLIPConfig = TINY) -> CLIP:
    torch.manual_seed(0)
    return CLIP(config).eval()


@pytest.fixture(scope="module")
def clip() -> CLIP:
    return build_tiny()


def text(*words: int, end: int = EOS, pad: int = 1, length: int = 12) -> Tensor:
    ids = [0, *words, end]
    return torch.tensor([ids + [pad] * (length - len(ids))])


def test_vit_b32_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        model = CLIP(CLIPConfig())
    assert sum(parameter.numel() for parameter in model.parameters()) == 151_277_313


def test_vit_b16_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        model = CLIP(CLIPConfig(patch_size=16))
    assert sum(parameter.numel() for parameter in model.parameters()) == 149_620_737


def test_embeddings_are_unit_vectors(clip: CLIP) -> None:
    with torch.inference_mode():
        images = clip.encode_image(clip.normalize(torch.rand(3, 3, 20, 20)))
        texts = clip.encode_text(torch.cat([text(5, 6), text(7, 8, 9)]))
    assert images.shape == (3, 16)
    assert texts.shape == (2, 16)
    torch.testing.assert_close(torch.cat([images, texts]).norm(dim=1), torch.ones(5))


@settings(max_examples=20, deadline=None)
@given(
    words=st.lists(st.integers(3, 49), max_size=8),
    rest=st.lists(st.integers(0, 49), min_size=10, max_size=10),
)
def test_what_follows_the_end_of_a_text_does_not_matter(words: list[int], rest: list[int]) -> None:
    clip = build_tiny()
    padded = text(*words)
    filled = padded.clone()
    after = len(words) + 2
    filled[0, after:] = torch.tensor(rest)[: 12 - after]
    with torch.inference_mode():
        torch.testing.assert_close(clip.encode_text(filled), clip.encode_text(padded))


def test_trailing_padding_may_be_left_out_or_masked(clip: CLIP) -> None:
    padded = text(5, 6, 7)
    with torch.inference_mode():
        expected = clip.encode_text(padded)
        torch.testing.assert_close(clip.encode_text(padded[:, :5]), expected)
        torch.testing.assert_close(clip.encode_text(padded, padded != 1), expected)


def test_a_masked_word_is_not_seen(clip: CLIP) -> None:
    mask = torch.ones(1, 12, dtype=torch.bool)
    mask[0, 2] = False
    with torch.inference_mode():
        one, other = (clip.encode_text(text(5, word, 7), mask) for word in (6, 16))
        assert not torch.allclose(clip.encode_text(text(5, 6, 7)), one)
    torch.testing.assert_close(one, other)


def test_word_order_matters(clip: CLIP) -> None:
    with torch.inference_mode():
        assert not torch.allclose(clip.encode_text(text(5, 6)), clip.encode_text(text(6, 5)))


def test_without_an_end_id_a_text_is_read_off_at_its_highest_id() -> None:
    last = TINY.vocab_size - 1
    by_id, by_height = (
        build_tiny(dataclasses.replace(TINY, eos_token_id=eos)) for eos in (last, None)
    )
    ids = torch.cat([text(5, 6, end=last, pad=last), text(7, end=last, pad=1)])
    with torch.inference_mode():
        assert torch.equal(by_id.encode_text(ids), by_height.encode_text(ids))


def test_a_text_longer_than_the_positions_is_refused(clip: CLIP) -> None:
    with pytest.raises(ValueError, match=r"13 ids.*max_positions=12"):
        clip.encode_text(text(5, length=13))


def test_scores_are_cosines_times_the_learned_scale(clip: CLIP) -> None:
    pixels = clip.normalize(torch.rand(2, 3, 16, 16))
    ids = torch.cat([text(5), text(6), text(7)])
    with torch.inference_mode():
        per_image, per_text = clip(pixels, ids)
        cosines = clip.encode_image(pixels) @ clip.encode_text(ids).T
    torch.testing.assert_close(per_image, cosines / 0.07)
    assert torch.equal(per_text, per_image.T)


def test_scores_are_float32_under_autocast(clip: CLIP) -> None:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        per_image, _ = clip(clip.normalize(torch.rand(2, 3, 16, 16)), text(5))
    assert per_image.dtype == torch.float32


def test_half_precision_weights_take_float32_pictures() -> None:
    clip = build_tiny().bfloat16()
    with torch.inference_mode():
        images = clip.encode_image(clip.normalize(torch.rand(1, 3, 16, 16)))
        texts = clip.encode_text(text(5))
    assert images.dtype == texts.dtype == torch.float32


def test_a_few_steps_of_training_tell_pairs_apart() -> None:
    clip = build_tiny().train()
    pixels = clip.normalize(torch.rand(4, 3, 16, 16))
    ids = torch.cat([text(word) for word in (5, 6, 7, 8)])
    optimizer = torch.optim.AdamW(clip.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        per_image, per_text = clip(pixels, ids)
        pairs = torch.arange(4)
        loss = torch.nn.functional.cross_entropy(per_image, pairs)
        loss = loss + torch.nn.functional.cross_entropy(per_text, pairs)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        assert all(parameter.grad is not None for parameter in clip.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] < 3 * math.log(4)  # a sane start: near chance
    assert losses[-1] < 0.25 * losses[0]


@settings(max_examples=20, deadline=None)
@given(height=st.integers(1, 60), width=st.integers(1, 60))
def test_pictures_of_any_size_become_the_size_it_sees(height: int, width: int) -> None:
    pixels = torch.full((1, 3, height, width), 0.25)
    normalized = build_tiny().normalize(pixels)
    mean, std = (torch.tensor(v)[:, None, None] for v in (TINY.image_mean, TINY.image_std))
    assert normalized.shape == (1, 3, 16, 16)
    torch.testing.assert_close(normalized[0] * std + mean, pixels.new_full((3, 16, 16), 0.25))


def test_of_a_wide_picture_the_middle_is_seen(clip: CLIP) -> None:
    middle = torch.rand(1, 3, 16, 16)
    wide = torch.cat([torch.zeros(1, 3, 16, 7), middle, torch.ones(1, 3, 16, 8)], dim=3)
    torch.testing.assert_close(clip.normalize(wide), clip.normalize(middle))


def test_resizing_agrees_with_pillow(clip: CLIP) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels).resize((16, 16), Image.Resampling.BICUBIC)
    expected = clip.normalize(_to_pixels(np.asarray(picture)))
    difference = clip.normalize(_to_pixels(pixels)) - expected
    assert difference.abs().max() * 0.27 < 1.5 / 255  # Pillow rounds after each direction


def _to_pixels(array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Tensor:
    return torch.tensor(array).permute(2, 0, 1)[None] / 255


def test_an_unknown_activation_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedOptionError, match="activation='relu'"):
        dataclasses.replace(TINY, activation="relu")  # type: ignore[arg-type] # the point


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch_size": 5}, "image_size=16 must be a multiple of patch_size=5"),
        ({"vision_heads": 5}, "vision_heads=5 must divide vision_width=24"),
        ({"text_heads": 3}, "text_heads=3 must divide text_width=20"),
        ({"text_layers": 0}, "text_layers=0 must be at least 1"),
        ({"image_std": (1.0,)}, "three each"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **change)
