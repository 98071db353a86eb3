"""What a model's VQGAN keeps of a picture: encoded to codes and painted again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from ninefold.evaluation.fidelity import psnr, ssim
from ninefold.generation.decode import decode_picture
from ninefold.models.vqgan import VQGAN

EXACT = 60.0
"""PSNR in decibels at which a picture counts as restored exactly, so that means stay finite."""


@dataclass(frozen=True)
class Reconstruction:
    """Means over pictures, at the size that the model draws at."""

    num_pictures: int
    size: int
    psnr: float
    ssim: float
    codebook_use: float
    """Share of the codes that at least one picture uses."""


@torch.inference_mode()
def restore_picture(
    vqgan: VQGAN, picture: Image.Image, size: int
) -> tuple[Image.Image, Image.Image, set[int]]:
    """Return a picture at `size`, what the VQGAN makes of it, and the codes in between."""
    original = np.array(picture.convert("RGB").resize((size, size), Image.Resampling.BOX))
    pixels = torch.from_numpy(original).permute(2, 0, 1)[None].float() / 255
    codes = vqgan.encode(pixels.to(vqgan.quantize.embedding.weight.device))[0]
    painted = decode_picture(vqgan, codes)
    return Image.fromarray(original), Image.fromarray(painted), set(codes.tolist())


def reconstruct(
    vqgan: VQGAN, pictures: Sequence[Image.Image], size: int
) -> tuple[Reconstruction, list[Image.Image], list[Image.Image]]:
    """Encode and paint pictures.

    Args:
        vqgan: of the model.
        pictures: real ones, of any size.
        size: side that the model draws at.

    Returns:
        The means; the pictures in that size; and what the VQGAN makes of them.
    """
    used: set[int] = set()
    originals, restored, psnrs, ssims = [], [], [], []
    for picture in pictures:
        original, painted, codes = restore_picture(vqgan, picture, size)
        used |= codes
        before, after = np.asarray(original), np.asarray(painted)
        psnrs.append(min(psnr(before, after), EXACT))
        ssims.append(ssim(before, after))
        originals.append(original)
        restored.append(painted)
    result = Reconstruction(
        num_pictures=len(originals),
        size=size,
        psnr=float(np.mean(psnrs)),
        ssim=float(np.mean(ssims)),
        codebook_use=len(used) / vqgan.config.n_embed,
    )
    return result, originals, restored
