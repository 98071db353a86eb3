"""A sketch is what the codes of a thing's picture are, in each size that it is drawn in."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ninefold.corpus.scenes.compose import SIZES, compose, lay_out
from ninefold.corpus.scenes.looks import LOOKS
from ninefold.corpus.scenes.places import CELLS, GROUNDS, HORIZON
from ninefold.corpus.scenes.scene import Scene
from ninefold.errors import UserError
from ninefold.models.vqgan import VQGAN
from ninefold.training.cells import encode_settled
from ninefold.training.encoded import encode_pictures, read_codes
from ninefold.training.pictures import PictureSet
from ninefold.training.sketches import (
    BLOCK,
    LENGTH,
    SIDES,
    plain_code_of_looks,
    settle_things,
    sketch_codes,
    sketch_things,
)
from tests.tiny import LOCAL_VQGAN, build_vqgan

SIDE = LOCAL_VQGAN.resolution


@pytest.fixture(scope="module")
def vqgan() -> VQGAN:
    return build_vqgan(LOCAL_VQGAN)


@pytest.fixture(scope="module")
def things() -> NDArray[np.uint8]:
    """Two things of noise, the second with much that is transparent."""
    rgba = np.random.default_rng(0).integers(0, 255, (2, SIDE, SIDE, 4), np.uint8)
    rgba[0, ..., 3] = 255
    rgba[1, ..., 3] = 0
    rgba[1, SIDE // 4 : SIDE // 2, SIDE // 4 : SIDE // 2, 3] = 255
    return rgba


@pytest.fixture(scope="module")
def sketches(vqgan: VQGAN, things: NDArray[np.uint8]) -> NDArray[np.int16]:
    return sketch_things(vqgan, things)


def compose_of(things: NDArray[np.uint8], scene: Scene) -> NDArray[np.uint8]:
    return compose(scene, lambda _source, label: things[int(label)], SIDE)


def test_a_sketch_has_the_codes_of_the_drawn_picture(
    vqgan: VQGAN, things: NDArray[np.uint8], sketches: NDArray[np.int16]
) -> None:
    assert sketches.shape == (2, len(LOOKS), LENGTH, BLOCK**2)
    for number in range(2):
        for size, side in zip(SIZES, SIDES, strict=True):
            if size not in (6, 2):  # those that stand by themselves
                continue
            scene = Scene("", "single", (str(number),), size="tiny" if size == 2 else "")
            codes = encode_settled(vqgan, np.stack([compose_of(things, scene)]))[0].numpy()
            [placed] = lay_out(scene)
            left, top, _ = (value * side // size for value in placed.box)
            expected = codes[top : top + side, left : left + side]
            assert (sketch_codes(sketches[number, 0], side) == expected).all()


def test_an_entry_is_a_block_of_neighbouring_codes(sketches: NDArray[np.int16]) -> None:
    grid = sketch_codes(sketches[0, 0], SIDES[0])
    blocks = SIDES[0] // BLOCK
    entry = blocks + 2  # the second row of blocks, the third of it
    assert sketches[0, 0, entry].tolist() == grid[2:4, 4:6].ravel().tolist()
    first_of_second_size = blocks**2
    assert sketches[0, 0, first_of_second_size].tolist() == (
        sketch_codes(sketches[0, 0], SIDES[1])[:2, :2].ravel().tolist()
    )


def test_a_sketch_is_of_its_thing_alone(
    vqgan: VQGAN, things: NDArray[np.uint8], sketches: NDArray[np.int16]
) -> None:
    assert (sketch_things(vqgan, things[1:]) == sketches[1:]).all()


def test_free_cells_are_of_the_ground_and_filled_ones_the_same_on_all(
    sketches: NDArray[np.int16],
) -> None:
    plain = plain_code_of_looks()
    assert plain[0] == 0
    grounds = sketches[0, : len(GROUNDS)]  # of a thing that leaves nothing free
    assert (grounds == grounds[:1]).all()
    corners = sketches[1, :, 0, 0]  # of one that is free there
    assert corners.tolist() == plain.tolist()


@pytest.mark.parametrize(
    "scene",
    [
        Scene("", "pair", ("0", "1"), "beside"),
        Scene("", "pair", ("0", "1"), "beside", place="red"),
        Scene("", "pair", ("1", "0"), "above", place="space"),
        Scene("", "count", ("0",), count=3),
        Scene("", "single", ("0",), tint="red"),
        Scene("", "single", ("0",), style="black and white"),
    ],
)
def test_what_looks_as_a_sketch_gets_its_codes(
    things: NDArray[np.uint8], sketches: NDArray[np.int16], scene: Scene
) -> None:
    picture = compose_of(things, scene)
    codes = np.full((2 * CELLS, 2 * CELLS), -1, np.int64)
    settled = settle_things(
        codes, picture, scene, lambda _, label: (things[int(label)], sketches[int(label)])
    )
    assert (codes == -1).all()
    for placed in lay_out(scene):
        left, top, extent = (2 * value for value in placed.box)
        here = settled[top : top + extent, left : left + extent]
        look = placed.looks[0]
        expected = sketch_codes(sketches[int(scene.things[placed.number]), look], extent)
        # Shapes of a place may be seen behind a thing.
        assert ((here == expected) | (here == -1)).all()
        assert (here == expected).mean() > (0.8 if scene.place == "space" else 0.999)


def test_a_thing_across_the_horizon_gets_the_codes_of_both_looks(
    things: NDArray[np.uint8], sketches: NDArray[np.int16]
) -> None:
    scene = Scene("", "single", ("1",), place="stage")
    settled = settle_things(
        np.full((2 * CELLS, 2 * CELLS), -1, np.int64),
        compose_of(things, scene),
        scene,
        lambda _, label: (things[int(label)], sketches[int(label)]),
    )
    [placed] = lay_out(scene)
    left, top, extent = (2 * value for value in placed.box)
    here = settled[top : top + extent, left : left + extent]
    above, below = (sketch_codes(sketches[1, look], extent) for look in placed.looks)
    horizon = 2 * HORIZON - top
    assert (here[1:horizon, 1:-1] == above[1:horizon, 1:-1]).all()
    assert (here[horizon:, 1:-1] == below[horizon:, 1:-1]).all()
    assert (above != below).any()


def test_what_is_covered_keeps_the_codes_of_its_pixels(
    things: NDArray[np.uint8], sketches: NDArray[np.int16]
) -> None:
    scene = Scene("", "pair", ("1", "0"), "at")
    picture = compose_of(things, scene)
    settled = settle_things(
        np.full((2 * CELLS, 2 * CELLS), -1, np.int64),
        picture,
        scene,
        lambda _, label: (things[int(label)], sketches[int(label)]),
    )
    behind = next(placed for placed in lay_out(scene) if placed.number == 1)
    left, top, extent = (2 * value for value in behind.box)
    grid = sketch_codes(sketches[0, 0], extent)
    here = settled[top : top + extent, left : left + extent]
    assert ((here == grid) | (here == -1)).all()
    assert (here == grid).any()
    front = next(placed for placed in lay_out(scene) if placed.number == 0)
    left, top, extent = (2 * value for value in front.box)
    # It is free at its right upper corner, where the thing behind it is seen.
    covered = settled[top, left + extent - 1]
    assert covered == grid[top - 0, left + extent - 1 - 2 * behind.box[0]]


def test_pictures_are_encoded_once_with_the_codes_of_sketches(
    vqgan: VQGAN, small_pictures: PictureSet, tmp_path: Path
) -> None:
    small, folder = small_pictures, tmp_path
    sketches = sketch_things(vqgan, small.rgba)
    encode_pictures(vqgan, small, sketches, 5, folder, {"vqgan": "1"})
    encoded = read_codes(folder)
    assert encoded.things.shape == (len(small), 256)
    assert encoded.scenes.shape == (5, 256)
    grid = encoded.things[3].reshape(16, 16)[2:14, 2:14]
    assert (grid == sketch_codes(sketches[3, 0], SIDES[0])).all()
    before = (folder / "codes.npz").stat().st_mtime_ns
    encode_pictures(vqgan, small, sketches, 5, folder, {"vqgan": "1"})
    assert (folder / "codes.npz").stat().st_mtime_ns == before
    with pytest.raises(UserError, match=r"made from other inputs \(vqgan\)"):
        encode_pictures(vqgan, small, sketches, 5, folder, {"vqgan": "2"})
