"""CLIP equals `transformers.CLIPModel`: tiny, random, the same weights under the same names."""

import pytest
import torch
from torch import Tensor
from transformers import CLIPConfig as TheirConfig
from transformers import CLIPModel

from ninefold.models.clip import CLIP, CLIPConfig
from ninefold.models.transformer import Activation

TOLERANCE = 2e-5


def build_theirs(activation: str, eos_token_id: int) -> CLIPModel:
    torch.manual_seed(1)
    text = {
        "vocab_size": 50,
        "hidden_size": 20,
        "intermediate_size": 28,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 12,
        "eos_token_id": eos_token_id,
        "hidden_act": activation,
    }
    vision = {
        "image_size": 24,
        "patch_size": 8,
        "hidden_size": 24,
        "intermediate_size": 40,
        "num_hidden_layers": 3,
        "num_attention_heads": 3,
        "hidden_act": activation,
    }
    config = TheirConfig(text_config=text, vision_config=vision, projection_dim=16)
    model: CLIPModel = CLIPModel(config)
    model.eval()  # type: ignore[no-untyped-call] # theirs is untyped
    for parameter in model.parameters():  # biases and norms too, which start at constants
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return model


def build_ours(activation: Activation, eos_token_id: int | None, theirs: CLIPModel) -> CLIP:
    config = CLIPConfig(
        projection_dim=16,
        image_size=24,
        patch_size=8,
        vision_width=24,
        vision_layers=3,
        vision_heads=3,
        vision_intermediate_size=40,
        vocab_size=50,
        max_positions=12,
        text_width=20,
        text_layers=2,
        text_heads=2,
        text_intermediate_size=28,
        activation=activation,
        eos_token_id=eos_token_id,
    )
    ours = CLIP(config).eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    return ours


def draw_texts(end: int) -> tuple[Tensor, Tensor]:
    """Five random texts of different lengths, padded with the end itself as published, and mask."""
    generator = torch.Generator().manual_seed(2)
    ids = torch.randint(3, 49, (5, 12), generator=generator)
    mask = torch.ones(5, 12, dtype=torch.bool)
    for row, length in enumerate((12, 3, 2, 7, 9)):
        ids[row, length - 1 :] = end
        mask[row, length:] = False
    return ids, mask


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
@pytest.mark.parametrize(("their_eos", "our_eos", "end"), [(2, None, 49), (30, 30, 30)])
@pytest.mark.parametrize("is_masked", [True, False])
def test_embeddings_and_logits_equal_those_of_transformers(
    activation: Activation, their_eos: int, our_eos: int | None, end: int, is_masked: bool
) -> None:
    theirs = build_theirs(activation, their_eos)
    ours = build_ours(activation, our_eos, theirs)
    ids, mask = draw_texts(end)
    ids[ids == 30] = end  # the end stands only at the end
    pixels = torch.randn(4, 3, 24, 24)
    with torch.inference_mode():
        expected = theirs(
            input_ids=ids, pixel_values=pixels, attention_mask=mask.long() if is_masked else None
        )
        images = ours.encode_image(pixels)
        texts = ours.encode_text(ids, mask if is_masked else None)
        per_image, per_text = ours(pixels, ids, mask if is_masked else None)
    for actual, reference in (
        (images, expected.image_embeds),
        (texts, expected.text_embeds),
        (per_image, expected.logits_per_image),
        (per_text, expected.logits_per_text),
    ):
        assert (actual - reference).abs().max() <= TOLERANCE * reference.abs().max()


@pytest.mark.parametrize("patch_size", [32, 16])
def test_published_shapes_have_the_names_and_shapes_of_transformers(patch_size: int) -> None:
    with torch.device("meta"):
        theirs = CLIPModel(TheirConfig(vision_config={"patch_size": patch_size}))
        ours = CLIP(CLIPConfig(patch_size=patch_size))
    their_shapes = {name: value.shape for name, value in theirs.state_dict().items()}
    assert {name: value.shape for name, value in ours.state_dict().items()} == their_shapes
