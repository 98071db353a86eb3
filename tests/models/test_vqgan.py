"""The VQGAN is the published one, and any smaller one is the same code."""

import dataclasses

import pytest
import torch

from ninefold.errors import UnsupportedOptionError
from ninefold.models.vqgan import VQGAN, PositionNorm, VQGANConfig
from tests.tiny import build_vqgan

TINY = VQGANConfig(
    ch=8, ch_mult=(1, 2), num_res_blocks=1, resolution=8, attn_resolutions=(4,),
    z_channels=8, embed_dim=4, n_embed=16, norm_groups=4,
)  # fmt: skip


def test_the_published_shape_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        vqgan = VQGAN(VQGANConfig())
    assert sum(p.numel() for p in vqgan.parameters()) == 76_073_859
    assert VQGANConfig().image_length == 256


def test_a_picture_becomes_a_square_of_codes_and_pixels_in_range() -> None:
    torch.manual_seed(0)
    vqgan = VQGAN(TINY).eval()
    pixels = torch.rand(2, 3, 8, 8)
    with torch.inference_mode():
        codes = vqgan.encode(pixels)
        drawn = vqgan.decode(codes)
        drawn_from_grid = vqgan.decode(codes.view(2, 4, 4))
    assert codes.shape == (2, TINY.image_length)
    assert codes.min() >= 0
    assert codes.max() < TINY.n_embed
    assert drawn.shape == pixels.shape
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    assert torch.equal(drawn, drawn_from_grid)


def test_the_nearest_code_of_a_codebook_vector_is_itself() -> None:
    torch.manual_seed(0)
    codebook = VQGAN(TINY).quantize
    assert torch.equal(codebook.nearest(codebook.embedding.weight), torch.arange(TINY.n_embed))


@pytest.mark.parametrize(
    ("option", "value"),
    [("double_z", True), ("resamp_with_conv", False), ("give_pre_end", True), ("dropout", 0.1)],
)
def test_an_option_that_is_not_implemented_is_refused_by_name(option: str, value: object) -> None:
    with pytest.raises(UnsupportedOptionError, match=option):
        VQGANConfig(**{option: value})  # type: ignore[arg-type]  # one field of many types


LOCAL = dataclasses.replace(
    TINY, resolution=64, attn_resolutions=(), mid_attention=False, norm="position", decoder_ch=12
)
"""32×32 codes of 2×2 pixels, each of the pixels around it."""


def test_the_decoder_has_the_width_that_is_asked_for_and_the_encoder_its_own() -> None:
    vqgan = VQGAN(LOCAL)
    assert vqgan.encoder.conv_in.out_channels == 8
    assert vqgan.encoder.norm_out.weight.shape == (16,)
    assert vqgan.decoder.conv_in.out_channels == 24
    assert vqgan.decoder.norm_out.weight.shape == (12,)
    assert VQGAN(TINY).decoder.norm_out.weight.shape == (8,)


def test_the_norm_of_a_position_has_unit_mean_square_before_scale_and_shift() -> None:
    torch.manual_seed(0)
    norm = PositionNorm(6)
    x = 5 * torch.randn(2, 6, 3, 4) + 2
    with torch.no_grad():
        plain = norm(x)
        norm.weight.copy_(torch.arange(6.0))
        norm.bias.fill_(3.0)
        scaled = norm(x)
    torch.testing.assert_close(plain.square().mean(1), torch.ones(2, 3, 4))
    torch.testing.assert_close(plain * (x[:, :1] / plain[:, :1]), x)  # only its length changes
    torch.testing.assert_close(scaled, plain * torch.arange(6.0)[:, None, None] + 3)


def test_with_norms_of_positions_no_code_depends_on_pixels_far_away() -> None:
    vqgan = build_vqgan(LOCAL)
    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    changed = pixels.clone()
    changed[..., 48:, 48:] = 1.0
    with torch.inference_mode():
        before, after = (vqgan.encode_features(x)[0] for x in (pixels, changed))
        cropped = vqgan.encode_features(pixels[..., :48, :])[0]
    assert torch.equal(before[:12, :], after[:12, :])
    assert torch.equal(before[:, :12], after[:, :12])
    assert not torch.equal(before[24:, 24:], after[24:, 24:])
    torch.testing.assert_close(cropped[:12], before[:12])


def test_with_norms_of_groups_every_code_depends_on_the_whole_picture() -> None:
    vqgan = build_vqgan(dataclasses.replace(LOCAL, norm="group"))
    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    changed = pixels.clone()
    changed[..., 48:, 48:] = 1.0
    with torch.inference_mode():
        before, after = (vqgan.encode_features(x)[0, 0, 0] for x in (pixels, changed))
    assert not torch.equal(before, after)


def test_with_norms_of_positions_no_pixel_depends_on_codes_far_away() -> None:
    vqgan = build_vqgan(LOCAL)
    codes = torch.arange(32 * 32).view(1, 32, 32) % LOCAL.n_embed
    changed = codes.clone()
    changed[:, 31, 31] = (changed[:, 31, 31] + 1) % LOCAL.n_embed
    with torch.inference_mode():
        before, after = vqgan.decode(codes)[0], vqgan.decode(changed)[0]
    assert torch.equal(before[:, :32, :], after[:, :32, :])
    assert torch.equal(before[..., :32], after[..., :32])
    assert not torch.equal(before[..., 62:, 62:], after[..., 62:, 62:])


@pytest.mark.parametrize(
    ("option", "value"),
    [("norm", "batch"), ("decoder_ch", 0), ("decoder_ch", -16), ("ch", 0), ("pixel_shuffle", 0)],
)
def test_a_width_or_norm_that_cannot_be_is_refused_by_name(option: str, value: object) -> None:
    with pytest.raises(ValueError, match=option):
        dataclasses.replace(LOCAL, **{option: value})  # type: ignore[arg-type]  # one of many types


def test_impossible_shapes_say_what_to_do() -> None:
    with pytest.raises(ValueError, match="multiple of 16"):
        VQGANConfig(resolution=100)
    with pytest.raises(ValueError, match="norm_groups=32 must divide"):
        VQGANConfig(ch=48)
    with pytest.raises(ValueError, match="norm_groups=32 must divide"):
        VQGANConfig(decoder_ch=48)
    assert VQGANConfig(ch=48, norm="position").decoder_width == 48
