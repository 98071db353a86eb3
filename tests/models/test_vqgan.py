"""The VQGAN is the published one, and any smaller one is the same code."""

import pytest
import torch

from ninefold.errors import UnsupportedOptionError
from ninefold.models.vqgan import VQGAN, VQGANConfig

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


def test_impossible_shapes_say_what_to_do() -> None:
    with pytest.raises(ValueError, match="multiple of 16"):
        VQGANConfig(resolution=100)
    with pytest.raises(ValueError, match="norm_groups=32 must divide"):
        VQGANConfig(ch=48)
