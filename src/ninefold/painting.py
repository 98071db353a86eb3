"""From codes to pictures in the size that is given, each with its score; and which are kept.

Models come in as arguments. Every picture is painted and scored alone, so that neither depends on
which others there are.
"""

import math
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from ninefold.checkpoints.model_folder import ModelConfig
from ninefold.drawing import Picture, Preview
from ninefold.generation.decode import Pixels, decode_picture, decode_preview, decode_square
from ninefold.generation.edges import sharpen
from ninefold.generation.rerank import pick_best, score_pictures
from ninefold.models.clip import CLIP
from ninefold.models.vqgan import VQGAN
from ninefold.text.reader import ClipReader


class Painter:
    """Paints a model's codes. `clip` and `clip_reader` come together or not at all."""

    def __init__(
        self,
        config: ModelConfig,
        vqgan: VQGAN,
        clip: CLIP | None = None,
        clip_reader: ClipReader | None = None,
    ) -> None:
        self.config, self.vqgan = config, vqgan
        self.clip, self.clip_reader = clip, clip_reader

    def paint(self, codes: Tensor, image_index: int, prompt: str | None = None) -> Picture:
        """Paint the codes (N,) of one picture, and score it where there are a prompt and a CLIP.

        Raises:
            NinefoldError: the network gave NaN or infinite pixels.
        """
        pixels = decode_picture(self.vqgan, codes)
        score = None if prompt is None else self._score(pixels, prompt)
        image = self._enlarge(self._finish(pixels))
        return Picture(image, image_index, score, tuple(codes.tolist()))

    def paint_square(self, codes: Tensor, image_indices: Sequence[int]) -> list[Picture]:
        """Paint codes (count, N) as pictures that run into each other; they have no scores.

        Raises:
            NinefoldError: the network gave NaN or infinite pixels.
        """
        side, size = math.isqrt(len(codes)), self.config.picture_size
        square = self._enlarge(self._finish(decode_square(self.vqgan, codes)), side)
        corners = [(size * column, size * row) for row in range(side) for column in range(side)]
        images = [square.crop((x, y, x + size, y + size)) for x, y in corners]
        return [
            Picture(image, index, None, tuple(row.tolist()))
            for image, index, row in zip(images, image_indices, codes, strict=True)
        ]

    def preview(self, codes: Tensor, image_index: int) -> Preview:
        """Paint a picture of which only `codes` (t,) are drawn; see `decode_preview`."""
        pixels = decode_preview(self.vqgan, codes, self.config.dallebart.image_length)
        return Preview(self._enlarge(pixels), image_index, len(codes))

    def _finish(self, pixels: Pixels) -> Pixels:
        """Sharpen a finished picture, where the model's pictures are such; previews are not."""
        return sharpen(pixels) if self.config.has_flat_colours else pixels

    def _enlarge(self, pixels: Pixels, num_pictures: int = 1) -> Image.Image:
        """Return the pixels of a square of `num_pictures`² pictures in the size that is given."""
        image = Image.fromarray(pixels)
        if self.config.drawn_size == self.config.picture_size:
            return image
        side = num_pictures * self.config.picture_size
        return image.resize((side, side), Image.Resampling.LANCZOS)

    def _score(self, pixels: Pixels, prompt: str) -> float | None:
        if self.clip is None or self.clip_reader is None:
            return None
        device = self.clip.logit_scale.device
        text = self.clip_reader.read(prompt)
        picture = torch.from_numpy(pixels).to(device).permute(2, 0, 1)[None] / 255
        ids, mask = torch.tensor(text.ids), torch.tensor(text.mask)
        return float(score_pictures(self.clip, picture, ids.to(device), mask.to(device)))


def order_pictures(pictures: Sequence[Picture], count: int) -> tuple[Picture, ...]:
    """Return the best `count`, best first; all in drawing order where they have no scores."""
    scores = [picture.score for picture in pictures if picture.score is not None]
    if not scores:
        return tuple(pictures)
    return tuple(pictures[index] for index in pick_best(torch.tensor(scores), count).tolist())
