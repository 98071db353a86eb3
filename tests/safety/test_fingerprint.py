"""A fingerprint is that of ImageHash, knows copies, and tells other pictures apart."""

import imagehash
import pytest
from PIL import Image

from ninefold.safety.fingerprint import (
    MATCH_DISTANCE,
    closest,
    distance,
    fingerprint,
    has_structure,
    is_copy,
)
from tests.safety.conftest import recompressed, sketch


@pytest.mark.parametrize("seed", range(6))
def test_the_bits_are_those_of_imagehash(seed: int) -> None:
    assert fingerprint(sketch(seed)) == str(imagehash.phash(sketch(seed), hash_size=16))


@pytest.mark.parametrize("seed", range(6))
def test_a_copy_is_known(seed: int) -> None:
    picture = sketch(seed)
    known = fingerprint(picture)
    copies = [
        recompressed(picture, "JPEG", 40),
        recompressed(picture, "WEBP", 60),
        picture.resize((128, 128)),
        recompressed(picture.resize((384, 384)), "JPEG", 75),
        picture.convert("L"),
    ]
    assert all(is_copy(known, fingerprint(copy)) for copy in copies)


def test_other_pictures_are_told_apart() -> None:
    prints = [fingerprint(sketch(seed)) for seed in range(60)]
    distances = [distance(a, b) for at, a in enumerate(prints) for b in prints[:at]]
    assert min(distances) > MATCH_DISTANCE


def test_the_closest_is_found_among_the_known() -> None:
    known = {seed: fingerprint(sketch(seed)) for seed in range(5)}
    assert closest(fingerprint(recompressed(sketch(3), "JPEG", 75)), known) is not None
    assert closest(known[3], known) == (3, 0)
    assert closest(fingerprint(sketch(9)), known) is None
    assert closest(known[3], {}) is None


def test_a_picture_of_one_colour_has_a_fingerprint() -> None:
    plain = Image.new("RGB", (3, 5), "white")
    assert len(fingerprint(plain)) == 64
    assert not has_structure(plain)
    assert has_structure(sketch(1))


def test_what_is_no_fingerprint_is_not_compared() -> None:
    with pytest.raises(ValueError, match="has 64 digits"):
        distance("00", "00" * 32)
