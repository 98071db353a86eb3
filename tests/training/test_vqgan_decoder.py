"""What a decoder is held to beside pixels: what CLIP sees."""

import torch

from ninefold.models.clip import CLIP, CLIPConfig
from ninefold.training.recipes.clip import POCKET_CLIP
from ninefold.training.recipes.vqgan_decoder import perceptual_error


def make_clip(config: CLIPConfig = POCKET_CLIP) -> CLIP:
    torch.manual_seed(0)
    return CLIP(config).eval().requires_grad_(False)


def test_equal_pictures_are_seen_alike() -> None:
    pixels = torch.rand(2, 3, 128, 128)
    assert float(perceptual_error(make_clip(), pixels, pixels, (3, 5))) < 1e-5


def test_a_picture_turned_round_is_seen_to_differ_more_than_a_noisy_one() -> None:
    torch.manual_seed(1)
    pixels = torch.nn.functional.interpolate(torch.rand(2, 3, 8, 8), size=(128, 128))
    noisy = (pixels + 0.02 * torch.randn_like(pixels)).clamp(0, 1)
    clip = make_clip()
    little = float(perceptual_error(clip, noisy, pixels, (0, 0)))
    much = float(perceptual_error(clip, pixels.flip(2, 3), pixels, (0, 0)))
    assert 0 < little < much


def test_it_teaches_the_picture_and_not_clip() -> None:
    clip = make_clip()
    restored = torch.rand(1, 3, 128, 128, requires_grad=True)
    torch.autograd.backward(perceptual_error(clip, restored, torch.rand(1, 3, 128, 128), (0, 7)))
    assert restored.grad is not None
    assert float(restored.grad.abs().sum()) > 0
    assert all(weight.grad is None for weight in clip.parameters())
