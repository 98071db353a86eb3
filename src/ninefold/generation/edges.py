"""Sharp edges for drawings of flat colours: a shock filter.

A decoder that is in doubt about the place of an edge paints it as a ramp some pixels wide. In a
drawing of flat colours nothing is a ramp, so each value of one becomes that of the side which it is
nearer to: on the high side of an edge, where the channel is concave, the highest neighbour's, on
the low side the lowest's (Kramer and Bruckner, "Iterations of a non-linear transformation for
enhancement of digital images", 1975; Osher and Rudin, "Feature-oriented image enhancement using
shock filters", 1990). Channels are treated alone, since colours that differ may be equally bright.
It works at twice the size, and the mean of four pixels is what is given, so that slanted edges stay
smooth. All is whole numbers: the same pixels anywhere.
"""

import numpy as np
from numpy.typing import NDArray

from ninefold.generation.decode import Pixels

PASSES = 5
"""Each moves an edge by half a pixel of the picture at most."""
FLAT = 18_000
"""Second differences of a channel's averages that count as none: flat parts stay as they are. A
difference of 1 is `_ONE` of them."""
_WIDTH = 7
"""Side of the box that a channel is averaged over, three times, at twice the size."""
_ONE = _WIDTH**6

_Numbers = NDArray[np.int32]


def sharpen(pixels: Pixels) -> Pixels:
    """Return a picture (H, W, 3) with its edges sharpened."""
    large = _double(np.ascontiguousarray(pixels.transpose(2, 0, 1)))  # (3, 2H, 2W)
    for plane in large:
        bend = _bend(plane)
        is_high, is_low = bend < -FLAT, bend > FLAT
        for _ in range(PASSES):
            above, below = _extremes(plane)
            np.copyto(plane, above, where=is_high)
            np.copyto(plane, below, where=is_low)
    rows = large[:, ::2].astype(np.uint16) + large[:, 1::2]
    small: Pixels = ((rows[..., ::2] + rows[..., 1::2] + 2) >> 2).astype(np.uint8)
    return np.ascontiguousarray(small.transpose(1, 2, 0))


def _double(planes: Pixels) -> Pixels:
    """Return planes (C, H, W) at twice the size, each pixel between its neighbours at 3 to 1."""
    for axis in (1, 2):
        sides = [(0, 0), (0, 0), (0, 0)]
        sides[axis] = (1, 1)
        padded = np.pad(planes, sides, mode="edge").swapaxes(axis, 2).astype(np.uint16)
        thrice = 3 * padded[..., 1:-1] + 2
        doubled = np.empty((*thrice.shape[:2], 2 * thrice.shape[2]), np.uint8)
        doubled[..., ::2] = (thrice + padded[..., :-2]) >> 2
        doubled[..., 1::2] = (thrice + padded[..., 2:]) >> 2
        planes = doubled.swapaxes(axis, 2)
    return np.ascontiguousarray(planes)


def _bend(plane: Pixels) -> _Numbers:
    """Return the second differences (H, W) of the averages of a plane, in 1/`_ONE`."""
    border = 3 * (_WIDTH // 2) + 1
    mean = np.pad(plane, border, mode="edge").astype(np.int32)
    for _ in range(3):
        mean = _box(_box(mean).T).T
    around = mean[:-2, 1:-1] + mean[2:, 1:-1] + mean[1:-1, :-2] + mean[1:-1, 2:]
    bend: _Numbers = around - 4 * mean[1:-1, 1:-1]
    return bend


def _box(values: _Numbers) -> _Numbers:
    """Return the sums of `_WIDTH` neighbours in the first axis, which gets shorter by them."""
    two = values[:-1] + values[1:]
    four = two[:-2] + two[2:]
    size = len(values) - _WIDTH + 1
    sums: _Numbers = four[:size] + two[4 : size + 4] + values[6 : size + 6]
    return sums


def _extremes(plane: Pixels) -> tuple[Pixels, Pixels]:
    """Return the highest and the lowest of each value and its four neighbours."""
    above, below = plane.copy(), plane.copy()
    for target, choose in ((above, np.maximum), (below, np.minimum)):
        choose(target[1:], plane[:-1], out=target[1:])
        choose(target[:-1], plane[1:], out=target[:-1])
        choose(target[:, 1:], plane[:, :-1], out=target[:, 1:])
        choose(target[:, :-1], plane[:, 1:], out=target[:, :-1])
    return above, below
