"""From codes to pixels: finished pictures, previews of unfinished ones, and seamless grids.

Every picture passes through the VQGAN alone, so that it does not depend on which others are drawn;
it is also the faster way on a CPU, where one picture's features fit the cache. Knows nothing of
files or image libraries: pixels are arrays (H, W, 3) of uint8.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ninefold.errors import NinefoldError
from ninefold.models.vqgan import VQGAN

Pixels = NDArray[np.uint8]
"""(H, W, 3), red, green, blue."""

_ROWS_BELOW = 3
"""Rows of codes that a preview paints below those that are drawn."""


def decode_picture(vqgan: VQGAN, codes: Tensor) -> Pixels:
    """Return the picture of `codes`, (N,) for a square or (h, w) for any grid.

    Pixels are `value · 255` with the fraction cut off, not rounded, as in both references.

    Raises:
        NinefoldError: the network gave NaN or infinite pixels.
    """
    device = vqgan.quantize.embedding.weight.device
    with torch.inference_mode():
        pixels = vqgan.decode(codes[None].to(device))[0].float()  # (3, H, W) in [0, 1]
    if not bool(pixels.isfinite().all()):
        raise NinefoldError(
            "The picture came out as something that is no number; draw in float32, and if it "
            "happens there too, check the model's files with `ninefold verify`."
        )
    array: Pixels = (pixels * 255).to("cpu", torch.uint8).permute(1, 2, 0).contiguous().numpy()
    return array


def fill_codes(codes: Tensor, length: int) -> Tensor:
    """Return the codes of a preview: `codes` (t,) completed by the commonest of them to (length,).

    Of equally common codes it is the lowest. The commonest code is mostly the background's, so
    that a preview looks like a picture that is uncovered from the top. The mean of the codebook,
    the other choice, decodes to a colour that has nothing to do with the picture.

    Raises:
        ValueError: there is no code yet, or there are too many.
    """
    if not 1 <= len(codes) <= length:
        raise ValueError(f"A preview needs 1 to {length} codes, not {len(codes)}.")
    commonest = codes.bincount().argmax()
    return torch.cat([codes, commonest.expand(length - len(codes))])


def decode_preview(vqgan: VQGAN, codes: Tensor, length: int) -> Pixels:
    """Return the pixels of a preview: a picture of `length` codes of which `codes` (t,) are drawn.

    Only the rows of codes that are begun are painted, and some below, completed as `fill_codes`
    says; from there on a line of their pixels is repeated. An early preview then costs a quarter of
    a picture, and what is drawn in it looks as if all were painted.

    Raises:
        ValueError: there is no code yet, or there are too many.
        NinefoldError: the network gave NaN or infinite pixels.
    """
    side = math.isqrt(length)
    filled = fill_codes(codes, length).view(side, side)
    num_rows = -(-len(codes) // side) + _ROWS_BELOW
    if num_rows >= side:
        return decode_picture(vqgan, filled)
    painted = decode_picture(vqgan, filled[:num_rows])
    height = len(painted) // num_rows
    # The lowest row of codes is changed by the border below it.
    kept = painted[:-height]
    return np.concatenate([kept, np.repeat(kept[-1:], side * height - len(kept), axis=0)])


def decode_square(vqgan: VQGAN, codes: Tensor) -> Pixels:
    """Return pictures that run into each other, `codes` (count, N), as one large square.

    The code grids are laid side by side, row by row, and decoded at once. Convolutions,
    normalisation and attention then reach across the borders inside the square; its outer border is
    not wrapped around, so the picture does not tile. The idea is that of min-dalle's `is_seamless`,
    which lays the pictures column by column.

    Args:
        vqgan: draws the square; its attention needs memory with the fourth power of the side.
        codes: of a square number of square pictures.

    Raises:
        ValueError: `count` is not a square.
        NinefoldError: the network gave NaN or infinite pixels.
    """
    count, length = codes.shape
    side, grid = math.isqrt(count), math.isqrt(length)
    if side**2 != count:
        raise ValueError(f"Seamless pictures fill a square; {count} do not.")
    tiles = codes.view(side, side, grid, grid)
    return decode_picture(vqgan, tiles.transpose(1, 2).reshape(side * grid, side * grid))
