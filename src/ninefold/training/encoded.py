"""Pictures as codes, encoded once: things on white, and a fixed series of scenes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ninefold.atomic_file import atomic_write
from ninefold.corpus.scenes.scene import Scene
from ninefold.errors import CheckpointError, UserError
from ninefold.models.vqgan import VQGAN
from ninefold.training.cells import encode_settled
from ninefold.training.inputs import Inputs, is_made, record_inputs
from ninefold.training.pictures import Picture, PictureSet
from ninefold.training.sketches import settle_things

FILE_NAME = "codes.npz"
SCENE_SEED = 10
"""Of the series of scenes that DalleBart learns."""
BATCH = 32


@dataclass(frozen=True)
class EncodedPictures:
    """Codes of everything that DalleBart learns to draw. N codes a picture."""

    things: NDArray[np.int32]
    """(P, N): every thing of the set on white."""
    scenes: NDArray[np.int32]
    """(S, N): scenes 0 to S - 1 of the series `SCENE_SEED`."""


def encode_pictures(
    vqgan: VQGAN,
    pictures: PictureSet,
    sketches: NDArray[np.int16],
    num_scenes: int,
    folder: Path,
    inputs: Inputs,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Write the codes of all things and scenes to `folder`, unless they are there.

    Raises:
        UserError: codes are there that were made from other inputs.
    """
    path = folder / FILE_NAME
    if is_made(path, inputs):
        return
    count = len(pictures)
    total = count + num_scenes

    def shown(number: int) -> tuple[Scene, Picture]:
        if number < count:
            return pictures.single(number)
        return pictures.scene(SCENE_SEED, number - count)

    def find(source: str, label: str) -> tuple[Picture, NDArray[np.int16]]:
        index = pictures.index(source, label)
        return pictures.rgba[index], sketches[index]

    rows = []
    vqgan.eval()
    with torch.inference_mode():
        for first in range(0, total, BATCH):
            numbers = range(first, min(first + BATCH, total))
            part = [shown(number) for number in numbers]
            codes = encode_settled(vqgan, np.stack([picture for _, picture in part])).numpy()
            rows += [
                settle_things(grid, picture, scene, find).ravel().astype(np.int16)
                for grid, (scene, picture) in zip(codes, part, strict=True)
            ]
            on_progress(numbers[-1] + 1, total)
    codes = np.stack(rows)
    record_inputs(path, inputs)
    with atomic_write(path) as file:
        np.savez(file, things=codes[:count], scenes=codes[count:])


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
