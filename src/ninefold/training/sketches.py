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
from ninefold.corpus.scenes.looks import LOOKS
from ninefold.corpus.scenes.places import CELLS, GROUNDS, HORIZON, PALETTE, colour_of
from ninefold.corpus.scenes.scene import Scene
from ninefold.models.vqgan import VQGAN
from ninefold.training.autocast import autocast
from ninefold.training.cells import encode_settled, to_pixels

BLOCK = 2
"""Codes along a side that one entry holds."""
_CODES_PER_CELL = 2
_AT_ONCE = 512  # cells whose distances to all codes stay in the processor's cache
SIDES = tuple(size * _CODES_PER_CELL for size in SIZES)
"""Sides in codes that things are drawn in."""
LENGTH = sum((side // BLOCK) ** 2 for side in SIDES)
"""Entries of a sketch."""
MARGIN = 1
"""Codes around a thing that are encoded with it: what its edges are read beside."""


def sketch_things(vqgan: VQGAN, things: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Return the sketches (P, V, LENGTH, BLOCK²) of RGBA pictures (P, H, W, 4).

    V are the looks of `LOOKS`. Codes are given block by block, row by row. A cell that a thing
    leaves free has the code of its ground, and one that it fills has the same code on every ground.
    """
    return np.stack([_sketch(vqgan, np.asarray(rgba)) for rgba in things])


@torch.no_grad()
def _sketch(vqgan: VQGAN, rgba: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Return the sketches (V, LENGTH, BLOCK²) of one thing."""
    plain = plain_code_of_looks()
    dressed = {look: look.apply(rgba) if look.tint or look.style else rgba for look in LOOKS}
    blocks = []
    for size, extent in zip(SIZES, SIDES, strict=True):
        side = size * vqgan.config.resolution // CELLS
        cell = side // extent
        canvases = []
        by_itself = resize(rgba, side)
        for look in LOOKS:
            thing = by_itself if dressed[look] is rgba else resize(dressed[look], side)
            canvas = Image.new("RGB", (side + 2 * MARGIN * cell,) * 2, colour_of(look.ground))
            canvas.paste(thing, (MARGIN * cell,) * 2, thing)
            canvases.append(np.asarray(canvas))
        alpha = np.asarray(by_itself)[..., 3].reshape(extent, cell, extent, cell)
        is_filled, is_free = alpha.min((1, 3)) == 255, alpha.max((1, 3)) == 0
        is_read = np.broadcast_to(~is_free, (len(LOOKS), extent, extent)).copy()
        is_read[: len(GROUNDS)] &= ~is_filled
        codes = np.where(is_free, plain[:, None, None], _alone(vqgan, by_itself))
        with autocast("auto"):
            vectors = vqgan.encode_features(to_pixels(np.stack(canvases[1:])))
        inner = vectors.float()[:, MARGIN : MARGIN + extent, MARGIN : MARGIN + extent]
        asked = torch.split(inner[torch.from_numpy(is_read[1:])], _AT_ONCE)
        read = torch.cat([vqgan.quantize.nearest(part) for part in asked])
        codes[1:][is_read[1:]] = read.numpy()
        split = codes.reshape(len(codes), extent // BLOCK, BLOCK, extent // BLOCK, BLOCK)
        blocks.append(split.swapaxes(2, 3).reshape(len(codes), -1, BLOCK**2))
    return np.concatenate(blocks, 1).astype(np.int16)


def _alone(vqgan: VQGAN, thing: Image.Image) -> NDArray[np.int64]:
    """Return the codes of a thing in the middle of a white picture, as it is drawn by itself."""
    side = vqgan.config.resolution
    canvas = Image.new("RGB", (side, side), colour_of(GROUNDS[0]))
    at = (side - thing.width) // 2
    canvas.paste(thing, (at, at), thing)
    codes = encode_settled(vqgan, np.asarray(canvas)[None].copy())[0].numpy()
    first, extent = (value // vqgan.config.downsampling for value in (at, thing.width))
    inner: NDArray[np.int64] = codes[first : first + extent, first : first + extent]
    return inner


def plain_code_of_looks() -> NDArray[np.int16]:
    """Return the code (V,) of a cell that a thing leaves free, in each look."""
    colours = [PALETTE.index(colour_of(look.ground)) for look in LOOKS]
    return np.asarray(colours, np.int16)


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
        find: gives the RGBA picture and the sketches (V, LENGTH, BLOCK²) of a source's thing.
    """
    settled = codes.copy()
    cell = len(picture) // len(codes)
    for placed in lay_out(scene):
        rgba, sketches = find(scene.source, scene.things[placed.number])
        left, top, extent = (value * _CODES_PER_CELL for value in placed.box)
        thing = resize(LOOKS[placed.looks[0]].apply(np.asarray(rgba)), extent * cell)
        for look, first, last in _bands(placed.looks, top, extent):
            canvas = Image.new("RGB", (extent * cell,) * 2, colour_of(LOOKS[look].ground))
            canvas.paste(thing, (0, 0), thing)
            rows = slice(first * cell, last * cell)
            shown = np.asarray(canvas)[rows]
            box = picture[top * cell :][rows, left * cell : (left + extent) * cell]
            is_same = (box == shown).reshape(last - first, cell, extent, cell, 3).all((1, 3, 4))
            here = settled[top + first : top + last, left : left + extent]
            here[...] = np.where(is_same, sketch_codes(sketches[look], extent)[first:last], here)
    return settled


def _bands(looks: tuple[int, int], top: int, extent: int) -> list[tuple[int, int, int]]:
    """Return (look, first row, end) of a thing's parts above and below the horizon, in codes."""
    horizon = min(max(HORIZON * _CODES_PER_CELL - top, 0), extent)
    parts = [(looks[0], 0, horizon), (looks[1], horizon, extent)]
    return [(look, first, last) for look, first, last in parts if first < last]


def sketch_codes(sketch: NDArray[np.int16], side: int) -> NDArray[np.int16]:
    """Return the codes (side, side) of a sketch (LENGTH, BLOCK²) in one of its sizes."""
    first = sum((other // BLOCK) ** 2 for other in SIDES[: SIDES.index(side)])
    blocks = side // BLOCK
    part = sketch[first : first + blocks**2].reshape(blocks, blocks, BLOCK, BLOCK)
    return part.transpose(0, 2, 1, 3).reshape(side, side)
