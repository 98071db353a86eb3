"""Recipe: a better decoder for codes that do not change.

The codes of a VQGAN are settled as soon as DalleBart begins to learn them; the decoder is not. It
learns on while DalleBart trains, without the cost of the encoder. 64 codes say what is there and
roughly where: by errors of pixels alone the decoder would draw the mean of all that they may say,
which is a blur. So it is also held to what the ranking CLIP sees in the picture.
"""

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from ninefold.models.clip import CLIP
from ninefold.models.vqgan import VQGAN
from ninefold.training.config import TrainConfig
from ninefold.training.encoded import SCENE_SEED, EncodedPictures, to_pixels
from ninefold.training.pictures import PictureSet
from ninefold.training.recipes.vqgan import (
    edge_error,
    hue_error,
    reconstruction_sheet,
)

SCENE_SHARE = 1 / 2
"""Share of a batch that are scenes."""
PERCEPTION = 0.4
"""Weight of what CLIP sees differently; so it is half as much as the errors of pixels."""
MAX_SHIFT = 15
"""Pixels that both pictures are moved by at most before CLIP sees them, so that no border of its
patches is learned."""


class _DecodeHalf(nn.Module):
    def __init__(self, vqgan: VQGAN) -> None:
        super().__init__()
        self.decoder = vqgan.decoder
        self.post_quant_conv = vqgan.post_quant_conv


class VQGANDecoderTask:
    """Reconstruction from the codes of a trained VQGAN; encoder and codebook stay as they are."""

    def __init__(
        self,
        pictures: PictureSet,
        vqgan: VQGAN,
        encoded: EncodedPictures,
        clip: CLIP,
        seed: int = 3,
    ) -> None:
        torch.manual_seed(seed)
        self.clip = clip.eval().requires_grad_(False)
        self.pictures, self.encoded, self.seed = pictures, encoded, seed
        self.vqgan = vqgan.requires_grad_(False)
        self.model = _DecodeHalf(vqgan).requires_grad_(True)

    def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
        """Absolute error of pixels, of their differences and of hues, and that of what is seen."""
        pictures, codes = self.batch(step, batch_size)
        pixels = to_pixels(pictures)
        grid = self.vqgan.config.grid_size
        vectors = self.vqgan.quantize.embedding(codes.view(-1, grid, grid))
        restored = self.vqgan.decode_features(vectors).float()
        error = F.l1_loss(restored, pixels)
        draw = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        shift = torch.randint(MAX_SHIFT + 1, (2,), generator=draw).tolist()
        seen = perceptual_error(self.clip, restored, pixels, (shift[0], shift[1]))
        loss = error + edge_error(restored, pixels) + hue_error(restored, pixels)
        mse = F.mse_loss(restored.detach().clamp(0, 1), pixels)
        metrics = {
            "l1": float(error.detach()),
            "seen": float(seen.detach()),
            "psnr": float(-10 * mse.log10()),
        }
        return loss + PERCEPTION * seen, metrics

    def batch(self, step: int, batch_size: int) -> tuple[NDArray[np.uint8], Tensor]:
        """Return pictures (B, H, W, 3) and the codes (B, N) that DalleBart learns for them."""
        draw = np.random.Generator(np.random.Philox(key=[self.seed, step + (1 << 32)]))
        pictures, codes = [], []
        for index in self.pictures.order(step, batch_size, self.seed):
            if len(self.encoded.scenes) and draw.random() < SCENE_SHARE:
                number = int(draw.integers(len(self.encoded.scenes)))
                pictures.append(self.pictures.scene(SCENE_SEED, number)[1])
                codes.append(self.encoded.scenes[number])
            else:
                is_mirrored = bool(draw.integers(2))
                pictures.append(self.pictures.plain(int(index), is_mirrored=is_mirrored))
                codes.append(self.encoded.things[index, int(is_mirrored)])
        return np.stack(pictures), torch.from_numpy(np.stack(codes).astype(np.int64))

    def after_step(self, step: int) -> None:
        """Everything is learned by gradients."""

    def sample(self, average: dict[str, Tensor]) -> Image.Image:
        """Return pictures (above) and their reconstructions (below) by the averaged weights."""
        vqgan = VQGAN(self.vqgan.config)
        vqgan.load_state_dict({**self.vqgan.state_dict(), **average})
        return reconstruction_sheet(vqgan.eval(), self.pictures)


def perceptual_error(
    clip: CLIP, restored: Tensor, pixels: Tensor, shift: tuple[int, int]
) -> Tensor:
    """Mean difference of what the layers of CLIP's picture tower hold, and of its vectors.

    After Johnson et al., "Perceptual Losses for Real-Time Style Transfer and Super-Resolution"
    (2016), with the layers of a transformer for those of a convolutional network.

    Args:
        clip: whose weights stay as they are.
        restored: (B, 3, H, W) in about [0, 1].
        pixels: (B, 3, H, W) in [0, 1].
        shift: pixels that both are moved by, down and to the right; what leaves on one side comes
            back on the other.

    Returns:
        A scalar: absolute error of the layers' states at unit variance, plus 1 − cosine.
    """
    both = torch.cat([restored, pixels]).roll(shift, (2, 3))
    tower = clip.vision_model
    states = tower.pre_layrnorm(tower.embeddings(clip.normalize(both)))
    error = states.new_zeros(())
    for layer in tower.encoder.layers:
        states = layer(states, None)
        seen, shown = F.layer_norm(states.float(), states.shape[-1:]).chunk(2)
        error = error + F.l1_loss(seen, shown)
    whole = clip.visual_projection(tower.post_layernorm(states[:, 0]))
    ours, real = F.normalize(whole.float(), dim=-1).chunk(2)
    return torch.add(error / len(tower.encoder.layers), 1 - (ours * real).sum(1).mean())


def pocket_vqgan_decoder(
    pictures: PictureSet, vqgan: VQGAN, encoded: EncodedPictures, clip: CLIP
) -> tuple[VQGANDecoderTask, TrainConfig]:
    """Return the task and settings that finish pocket's decoder.

    Command: `ninefold train vqgan-decoder`. 50 minutes of one core with AVX-512 BF16; 19.3 dB on
    its batches, and what CLIP sees differently falls from 0.39 to 0.27 (docs/LOG.md).
    """
    config = TrainConfig(
        num_steps=6000,
        batch_size=12,
        learning_rate=6e-4,
        warmup_steps=30,
        weight_decay=0.0,
        ema_decay=0.99,
        save_every=100,
    )
    return VQGANDecoderTask(pictures, vqgan, encoded, clip), config
