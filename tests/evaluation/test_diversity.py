"""Nine equal pictures have no diversity, unlike ones do; a copy is found, a new picture is not."""

import numpy as np
import pytest
from PIL import Image

from ninefold.evaluation.diversity import (
    count_distinct,
    mean_distance,
    rms_differences,
    thumbnail,
)
from ninefold.evaluation.near_copies import TrainingPictures, find_near_copies, twin_rate


def picture(seed: int) -> Image.Image:
    colours = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize((64, 64), Image.Resampling.NEAREST)


def test_equal_vectors_are_at_distance_zero_and_orthogonal_ones_at_one() -> None:
    assert mean_distance(np.tile(np.eye(3, dtype=np.float32)[:1], (9, 1))) == 0.0
    assert mean_distance(np.eye(9, dtype=np.float32)) == pytest.approx(1.0)
    assert mean_distance(np.eye(1, dtype=np.float32)) == 0.0


def test_opposite_vectors_are_at_distance_two() -> None:
    assert mean_distance(np.array([[1, 0], [-1, 0]], np.float32)) == pytest.approx(2.0)


def test_differences_are_root_mean_squares() -> None:
    white, grey = thumbnail(Image.new("RGB", (64, 64), "white")), np.full(16 * 16 * 3, 155.0)
    found = rms_differences(white[None], np.stack([white, grey]).astype(np.float32))
    assert found.tolist() == [[pytest.approx(0, abs=0.1), pytest.approx(100, abs=0.1)]]


def test_a_picture_in_many_sizes_is_one_picture() -> None:
    sizes = (64, 128, 256)
    thumbnails = [thumbnail(picture(1).resize((side, side))) for side in sizes]
    assert count_distinct(np.stack([*thumbnails, thumbnail(picture(2))])) == 2


def blurred(thumbnails: np.ndarray) -> TrainingPictures:
    """Training pictures with reconstructions that are a little off."""
    noise = np.random.default_rng(0).normal(0, 20, thumbnails.shape).astype(np.float32)
    return TrainingPictures(thumbnails, lambda index: thumbnails[index] + noise[index])


def test_copies_are_found_and_their_originals_named() -> None:
    training = blurred(np.stack([thumbnail(picture(seed)) for seed in range(20)]))
    # A picture that was learned by heart comes out as its reconstruction, not as itself.
    drawn = np.stack([training.restored(7), thumbnail(picture(300)), training.restored(3) + 1])
    copies = find_near_copies(drawn, training)
    assert copies.rate == pytest.approx(2 / 3)
    assert (copies.nearest[0], copies.nearest[2]) == (7, 3)
    assert copies.differences[1] > 50


def test_real_pictures_that_are_alike_tell_what_no_model_falls_below() -> None:
    pictures = np.stack([thumbnail(picture(seed)) for seed in (1, 2, 3, 4, 5, 6)])
    pictures[5] = pictures[0] + 2
    training = TrainingPictures(pictures, lambda index: pictures[index])
    assert twin_rate(np.arange(6), training) == pytest.approx(2 / 6)
