"""The mark is invisible, survives what it promises to, and is not seen where it is not."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ninefold.safety.mark import THRESHOLD, has_mark, mark_strength, put_mark
from tests.safety.conftest import recompressed, sketch

SEEDS = range(8)


def difference(first: Image.Image, second: Image.Image) -> NDArray[np.int64]:
    first_pixels, second_pixels = (np.asarray(each, dtype=np.int64) for each in (first, second))
    changes: NDArray[np.int64] = np.absolute(first_pixels - second_pixels)
    return changes


@pytest.mark.parametrize("seed", SEEDS)
def test_the_mark_survives_compression_and_a_crop(seed: int) -> None:
    marked = put_mark(sketch(seed))
    cropped = marked.crop((17, 9, 248, 240))
    assert has_mark(marked)
    assert has_mark(recompressed(marked, "JPEG", 75))
    assert has_mark(cropped)
    assert has_mark(recompressed(cropped, "JPEG", 75))
    assert has_mark(recompressed(marked.resize((384, 384)), "JPEG", 75))


def test_a_clean_picture_has_no_mark() -> None:
    strengths = [mark_strength(sketch(seed)) for seed in range(100, 200)]
    strengths += [mark_strength(recompressed(sketch(seed), "JPEG", 75)) for seed in SEEDS]
    assert max(strengths) < THRESHOLD - 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_the_mark_is_faint(seed: int) -> None:
    changes = difference(sketch(seed), put_mark(sketch(seed)))
    assert np.sqrt(np.mean(changes**2)) < 3  # above 38 dB
    assert changes.max() < 16


def test_the_mark_is_the_same_every_time() -> None:
    assert put_mark(sketch(1)).tobytes() == put_mark(sketch(1)).tobytes()


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (300, 70)])
@pytest.mark.parametrize("colour", ["white", "black"])
def test_any_size_can_be_marked_and_looked_at(size: tuple[int, int], colour: str) -> None:
    picture = Image.new("RGB", size, colour)
    assert put_mark(picture).size == size
    assert not has_mark(picture)
