"""The evaluator at work: pictures and captions to the vectors that the measures are taken on.

A CLIP trained apart from the one that ranks (`training.recipes.evaluator`). It does not know what
is measured.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ninefold.checkpoints.evaluator import load_evaluator
from ninefold.text import TextNormalizer, TextTokenizer

_AT_ONCE = 64  # bounds memory


class Judge:
    """An evaluator that is loaded once and asked often.

    Args:
        folder: of an evaluator.

    Raises:
        UserError: the folder holds none.
        CheckpointError: its files are damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.config, self.clip = load_evaluator(folder)
        sizes = self.config.clip
        self._tokenizer = TextTokenizer.from_folder(folder, sizes.max_positions, sizes.vocab_size)
        self._normalize = TextNormalizer()

    def read_captions(self, captions: Sequence[str]) -> NDArray[np.float32]:
        """Return captions as unit vectors (N, E)."""
        parts = []
        for start in range(0, len(captions), _AT_ONCE):
            texts = [
                self._tokenizer.encode(self._normalize(caption))
                for caption in captions[start : start + _AT_ONCE]
            ]
            with torch.inference_mode():
                ids = torch.tensor([text.ids for text in texts])
                mask = torch.tensor([text.mask for text in texts])
                parts.append(self.clip.encode_text(ids, mask).numpy())
        return np.concatenate(parts)

    def see_pictures(
        self, images: Sequence[Image.Image]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return pictures as unit vectors (N, E), and their features (N, C) for distances.

        The features are the states before the projection, which still tell how a thing is drawn.
        """
        vectors, features = [], []
        side = self.config.clip.image_size
        for start in range(0, len(images), _AT_ONCE):
            arrays = [_fit(image, side) for image in images[start : start + _AT_ONCE]]
            pixels = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() / 255
            with torch.inference_mode():
                states = self.clip.vision_model(self.clip.normalize(pixels))
                projected = self.clip.visual_projection(states)
                vectors.append(torch.nn.functional.normalize(projected, dim=-1).numpy())
                features.append(states.numpy())
        return np.concatenate(vectors), np.concatenate(features)


def _fit(image: Image.Image, side: int) -> NDArray[np.uint8]:
    """Bring a picture to the evaluator's size; whatever size it was drawn at, it is seen alike."""
    return np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BOX))
