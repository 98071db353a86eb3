"""What the VQGAN learns from: crops of things, on the grid of codes, in the sizes of scenes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ninefold.models.vqgan import VQGAN
from ninefold.training.cells import plain_codes, to_pixels
from ninefold.training.pictures import PictureSet
from ninefold.training.recipes.vqgan import CROP, POCKET_VQGAN, SIZES, Crops, VQGANTask
from ninefold.training.sketches import SIDES
from tests.tiny import LOCAL_VQGAN, build_vqgan

CELL = POCKET_VQGAN.downsampling


def test_things_are_learned_in_the_sizes_that_they_are_drawn_in() -> None:
    assert SIZES == SIDES


def test_the_batch_of_a_step_depends_on_the_step_alone(pictures: PictureSet) -> None:
    crops, again = (Crops(pictures, POCKET_VQGAN, seed=1) for _ in range(2))
    crops.batch(0, 4)
    assert crops.batch(3, 4).shape == (4, CROP * CELL, CROP * CELL, 3)
    assert np.array_equal(crops.batch(3, 4), again.batch(3, 4))
    assert not np.array_equal(crops.batch(3, 4), crops.batch(2, 4))


def test_crops_lie_on_the_grid_of_codes(pictures: PictureSet) -> None:
    """Whole cells of a backdrop's colour are in them, which a shifted crop would cut."""
    codes = plain_codes(Crops(pictures, POCKET_VQGAN, seed=1).batch(0, 40), CELL)
    of_crop = (codes >= 0).flatten(1).float().mean(1)
    assert float(of_crop.mean()) > 0.3
    assert int((of_crop > 0).sum()) > 30


def test_an_epoch_shows_every_picture_once(pictures: PictureSet) -> None:
    shown = [int(i) for step in range(5) for i in pictures.order(step, 2, seed=0)]
    assert sorted(shown) == list(range(len(pictures)))


def test_a_code_is_the_same_in_a_crop_and_in_a_whole_picture() -> None:
    """Norms of single positions and no attention: what lies far off does not matter."""
    vqgan = build_vqgan(LOCAL_VQGAN)
    picture = np.random.default_rng(0).integers(0, 255, (1, 64, 64, 3), np.uint8)
    with torch.no_grad():
        whole = vqgan.encode_features(to_pixels(picture))[0]
        crop = vqgan.encode_features(to_pixels(picture[:, 16:, 16:].copy()))[0]
    margin = 6  # codes at an edge see beyond it
    torch.testing.assert_close(whole[4 + margin :, 4 + margin :], crop[margin:, margin:])


@pytest.mark.parametrize("step", [0, 400])
def test_a_step_learns_and_moves_the_codebook_once_codes_are_used(
    small_corpus: Path, step: int
) -> None:
    task = VQGANTask(small_corpus, LOCAL_VQGAN)
    codebook = task.model.vqgan.quantize.embedding.weight
    before = codebook.clone()
    loss, metrics = task.loss(step, 2)
    torch.autograd.backward(loss)
    task.after_step(step)
    gradient = task.model.vqgan.encoder.conv_in.weight.grad
    assert gradient is not None
    assert float(gradient.abs().sum()) > 0
    assert {"l1", "hue", "psnr", "commitment"} <= set(metrics)
    assert torch.equal(codebook, before) == (step == 0)


def test_pictures_get_through_a_network_that_has_learned_nothing(small_corpus: Path) -> None:
    """With PyTorch's own start every picture was restored as one colour."""
    vqgan: VQGAN = VQGANTask(small_corpus, LOCAL_VQGAN).model.vqgan
    pixels = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        first, second = vqgan.decode_features(vqgan.encode_features(pixels))
    assert float((first - second).abs().mean()) > 1e-3
