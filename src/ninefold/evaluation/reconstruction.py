"""What a model's VQGAN keeps of a picture: encoded to codes and painted again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from ninefold.evaluation.fidelity import psnr, ssim
from ninefold.generation.decode import decode_picture
from ninefold.models.vqgan import VQGAN

BRIGHTEST_ERROR = 60.0
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
    device = vqgan.quantize.embedding.weight.device
    for picture in pictures:
        original = np.array(picture.convert("RGB").resize((size, size), Image.Resampling.BOX))
        pixels = torch.from_numpy(original).permute(2, 0, 1)[None].float() / 255
        codes = vqgan.encode(pixels.to(device))[0]
        used.update(codes.tolist())
        painted = decode_picture(vqgan, codes)
        psnrs.append(min(psnr(original, painted), BRIGHTEST_ERROR))
        ssims.append(ssim(original, painted))
        originals.append(Image.fromarray(original))
        restored.append(Image.fromarray(painted))
    result = Reconstruction(
        num_pictures=len(originals),
        size=size,
        psnr=float(np.mean(psnrs)),
        ssim=float(np.mean(ssims)),
        codebook_use=len(used) / vqgan.config.n_embed,
    )
    return result, originals, restored
