"""Sketches of things (`models.sketches`): their own codes, in each size that they are drawn in.

Two by two codes are an entry. Scenes are laid out on a grid of two codes, so an entry is drawn as
one block wherever its thing stands. Knows nothing of captions.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ninefold.corpus.scenes.compose import SIZES, lay_out, resize
from ninefold.corpus.scenes.places import BACKDROPS, CELLS
from ninefold.corpus.scenes.scene import Scene
from ninefold.models.vqgan import VQGAN
from ninefold.training.cells import encode_settled

BLOCK = 2
"""Codes along a side that one entry holds."""
_CODES_PER_CELL = 2
SIDES = tuple(size * _CODES_PER_CELL for size in SIZES)
"""Sides in codes that things are drawn in."""
LENGTH = sum((side // BLOCK) ** 2 for side in SIDES)
"""Entries of a sketch."""


@torch.no_grad()
def sketch_things(
    vqgan: VQGAN, things: NDArray[np.uint8], batch_size: int = 8
) -> NDArray[np.int16]:
    """Return the sketches (P, LENGTH, BLOCK²) of RGBA pictures (P, H, W, 4): codes, row by row.

    Things stand on white, in the middle of a picture, where their codes do not depend on its edge.
    """
    side = vqgan.config.resolution
    cell = side // CELLS
    sketches = []
    for first in range(0, len(things), batch_size):
        part = things[first : first + batch_size]
        blocks = []
        for size in SIZES:
            at = (CELLS - size) // 2 * cell
            canvases = []
            for rgba in part:
                canvas = Image.new("RGB", (side, side), BACKDROPS["white"])
                thing = resize(np.asarray(rgba), size * cell)
                canvas.paste(thing, (at, at), thing)
                canvases.append(np.asarray(canvas))
            codes = encode_settled(vqgan, np.stack(canvases))
            start, extent = at // vqgan.config.downsampling, size * _CODES_PER_CELL
            inner = codes[:, start : start + extent, start : start + extent]
            split = inner.reshape(len(inner), extent // BLOCK, BLOCK, extent // BLOCK, BLOCK)
            blocks.append(split.transpose(2, 3).flatten(3).flatten(1, 2))
        sketches.append(torch.cat(blocks, 1).numpy().astype(np.int16))
    return np.concatenate(sketches)


def settle_things(
    codes: NDArray[np.int64],
    picture: NDArray[np.uint8],
    scene: Scene,
    find: Callable[[str, str], tuple[NDArray[np.uint8], NDArray[np.int16]]],
) -> NDArray[np.int64]:
    """Put the codes of sketches in the place of the encoder's where a scene shows the same pixels.

    A code depends on the pixels around it a little, and so on a thing's neighbours. What looks the
    same is given one code, which a transformer learns more easily; a decoder sees no difference.

    Args:
        codes: (h, w) of the picture.
        picture: (H, W, 3), the composed scene.
        scene: what it shows.
        find: gives the RGBA picture and the sketch (LENGTH, BLOCK²) of a source's thing.
    """
    settled = codes.copy()
    cell = len(picture) // len(codes)
    for placed in lay_out(scene):
        if not placed.is_plain:
            continue
        rgba, sketch = find(scene.source, scene.things[placed.number])
        left, top, extent = (value * _CODES_PER_CELL for value in placed.box)
        box = (slice(top * cell, (top + extent) * cell), slice(left * cell, (left + extent) * cell))
        canvas = Image.new("RGB", (extent * cell,) * 2, BACKDROPS["white"])
        thing = resize(np.asarray(rgba), extent * cell)
        canvas.paste(thing, (0, 0), thing)
        is_same = (picture[box] == np.asarray(canvas)).reshape(extent, cell, extent, cell, 3)
        grid = sketch_codes(sketch, extent)
        here = settled[top : top + extent, left : left + extent]
        here[...] = np.where(is_same.all((1, 3, 4)), grid, here)
    return settled


def sketch_codes(sketch: NDArray[np.int16], side: int) -> NDArray[np.int16]:
    """Return the codes (side, side) of a sketch (LENGTH, BLOCK²) in one of its sizes."""
    first = sum((other // BLOCK) ** 2 for other in SIDES[: SIDES.index(side)])
    blocks = side // BLOCK
    part = sketch[first : first + blocks**2].reshape(blocks, blocks, BLOCK, BLOCK)
    return part.transpose(0, 2, 1, 3).reshape(side, side)
