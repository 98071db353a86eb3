"""Cells of one plain colour, and the codes that are kept for them.

The norms of a VQGAN see the whole picture, so the same white corner gets another code in every
picture; a transformer then learns pictures by the number in their corner instead of by their
caption (docs/LOG.md). A cell that holds nothing but a colour of the backgrounds' palette is
therefore given that colour's own code, whatever the encoder says.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ninefold.corpus.scenes.places import PALETTE
from ninefold.models.vqgan import VQGAN
from ninefold.training.autocast import autocast

NUM_RESERVED = 32
"""First codes of the codebook that are kept for plain cells; more than the palette has colours."""
assert len(PALETTE) <= NUM_RESERVED


def plain_codes(pictures: NDArray[np.uint8], cell: int) -> Tensor:
    """Codes of plain cells.

    Args:
        pictures: (B, H, W, 3).
        cell: side of a cell in pixels; divides H and W.

    Returns:
        (B, h, w) int64, -1 for cells that are not plain.
    """
    count, height, width, _ = pictures.shape
    cells = pictures.reshape(count, height // cell, cell, width // cell, cell, 3)
    lowest, highest = cells.min((2, 4)), cells.max((2, 4))  # (B, h, w, 3)
    codes = np.full(lowest.shape[:3], -1, np.int64)
    for code, colour in enumerate(PALETTE):
        codes[((lowest == colour) & (highest == colour)).all(-1)] = code
    return torch.from_numpy(codes)


def settle(codes: Tensor, plain: Tensor) -> Tensor:
    """Put the codes of plain cells, both (B, h, w), in the place of the encoder's."""
    return torch.where(plain >= 0, plain, codes)


def to_pixels(pictures: NDArray[np.uint8]) -> Tensor:
    """Pictures (B, H, W, 3) as a network takes them, (B, 3, H, W) in [0, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


@torch.no_grad()
def encode_settled(vqgan: VQGAN, pictures: NDArray[np.uint8]) -> Tensor:
    """Codes (B, h, w) of pictures (B, H, W, 3), those of plain cells settled."""
    with autocast("auto"):
        vectors = vqgan.encode_features(to_pixels(pictures))
    codes = vqgan.quantize.nearest(vectors.float())
    return settle(codes, plain_codes(pictures, vqgan.config.downsampling))
