"""Pictures as codes, encoded once: things on white and mirrored, and a fixed series of scenes."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ninefold.errors import CheckpointError, UserError
from ninefold.models.vqgan import VQGAN
from ninefold.training.autocast import autocast
from ninefold.training.cells import plain_codes, settle
from ninefold.training.pictures import Picture, PictureSet

FILE_NAME = "codes.npz"
SCENE_SEED = 10
"""Of the series of scenes that DalleBart learns."""
BATCH = 32


@dataclass(frozen=True)
class EncodedPictures:
    """Codes of everything that DalleBart learns to draw. N codes a picture."""

    things: NDArray[np.int32]
    """(P, 2, N): every picture of the set on white, and mirrored."""
    scenes: NDArray[np.int32]
    """(S, N): scenes 0 to S - 1 of the series `SCENE_SEED`."""


def encode_pictures(
    vqgan: VQGAN,
    pictures: PictureSet,
    num_scenes: int,
    folder: Path,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Write the codes of all things and scenes to `folder`, unless they are there."""
    path = folder / FILE_NAME
    if path.exists():
        return
    count = len(pictures)
    total = 2 * count + num_scenes

    def picture(number: int) -> Picture:
        if number < 2 * count:
            return pictures.plain(number // 2, is_mirrored=bool(number % 2))
        return pictures.scene(SCENE_SEED, number - 2 * count)[1]

    rows = []
    vqgan.eval()
    with torch.inference_mode():
        for first in range(0, total, BATCH):
            numbers = range(first, min(first + BATCH, total))
            part = encode_settled(vqgan, np.stack([picture(number) for number in numbers]))
            rows.append(part.flatten(1).numpy().astype(np.int16))
            on_progress(numbers[-1] + 1, total)
    codes = np.concatenate(rows)
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / "partial.npz"
    with partial.open("wb") as file:
        np.savez(file, things=codes[: 2 * count].reshape(count, 2, -1), scenes=codes[2 * count :])
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read_codes(folder: Path) -> EncodedPictures:
    """Read what `encode_pictures` wrote.

    Raises:
        UserError: there is nothing.
        CheckpointError: it is damaged.
    """
    path = folder / FILE_NAME
    if not path.exists():
        raise UserError(f"{path} is missing; run `ninefold train codes` first.")
    try:
        with np.load(path) as saved:
            things, scenes = saved["things"], saved["scenes"]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise CheckpointError(f"{path} is damaged; remove it and run the stage again.") from error
    return EncodedPictures(things.astype(np.int32), scenes.astype(np.int32))


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
