"""Training pictures as a VQGAN restores them from their codes: what is drawn looks like these.

Decoded when they are first asked for, and kept. Knows nothing of captions.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from ninefold.models.vqgan import VQGAN
from ninefold.training.autocast import autocast
from ninefold.training.encoded import EncodedPictures
from ninefold.training.pictures import Picture


class RestoredPictures:
    """Things and scenes by number, decoded.

    Args:
        vqgan: whose codes they are.
        encoded: the codes.
    """

    def __init__(self, vqgan: VQGAN, encoded: EncodedPictures) -> None:
        self.encoded = encoded
        self._vqgan = vqgan.eval().requires_grad_(False)
        self._known: dict[tuple[str, int], Picture] = {}

    def thing(self, index: int) -> Picture:
        """Return the thing of picture `index` of the set on white, (H, W, 3)."""
        return self._restore(("thing", index))

    def scene(self, number: int) -> Picture:
        """Return scene `number`, (H, W, 3)."""
        return self._restore(("scene", number))

    def _restore(self, name: tuple[str, int]) -> Picture:
        if name not in self._known:
            kind, number = name
            codes = (self.encoded.scenes if kind == "scene" else self.encoded.things)[number]
            self._known[name] = self._decode(codes)
        return self._known[name]

    def _decode(self, codes: NDArray[np.int32]) -> Picture:
        with torch.inference_mode(), autocast("auto"):
            pixels = self._vqgan.decode(torch.from_numpy(codes.astype(np.int64))[None])
        restored: Picture = (pixels[0].permute(1, 2, 0).float() * 255).round().byte().numpy()
        return restored
