"""Recipe: a better decoder for codes that do not change.

The codes of a VQGAN are settled as soon as DalleBart begins to learn them; the decoder is not. A
wider one learns while DalleBart trains, without the cost of the encoder's gradients.
"""

import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from PIL import Image
from torch import Tensor, nn

from ninefold.models.vqgan import VQGAN, VQGANConfig
from ninefold.training.cells import encode_settled, to_pixels
from ninefold.training.config import TrainConfig
from ninefold.training.pictures import PictureSet
from ninefold.training.recipes.vqgan import (
    POCKET_VQGAN,
    Crops,
    edge_error,
    hue_error,
    initialize,
    reconstruction_sheet,
)

CODES_SHARE = 0.03
"""Share of the codes that are another crop's: drawn pictures have wrong codes too, which should
look like a small fault and not spread."""


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
        trained: VQGAN,
        config: VQGANConfig = POCKET_VQGAN,
        seed: int = 3,
    ) -> None:
        torch.manual_seed(seed)
        self.pictures, self.seed = pictures, seed
        self.crops = Crops(pictures, config, seed)
        self.vqgan = VQGAN(config)
        initialize(self.vqgan)
        kept = {
            name: value
            for name, value in trained.state_dict().items()
            if not name.startswith("decoder.")
        }
        self.vqgan.load_state_dict(kept, strict=False)
        self.vqgan.requires_grad_(False)
        self.model = _DecodeHalf(self.vqgan).requires_grad_(True)

    def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
        """Absolute error of pixels, of their differences and of hues."""
        pictures = self.crops.batch(step, batch_size)
        pixels = to_pixels(pictures)
        codes = encode_settled(self.vqgan, pictures)
        draw = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        is_foreign = torch.rand(codes.shape, generator=draw) < CODES_SHARE
        codes = torch.where(is_foreign, codes.roll(1, 0), codes)
        restored = self.vqgan.decode_features(self.vqgan.quantize.embedding(codes)).float()
        error = F.l1_loss(restored, pixels)
        loss = error + edge_error(restored, pixels) + hue_error(restored, pixels)
        mse = F.mse_loss(restored.detach().clamp(0, 1), pixels)
        return loss, {"l1": float(error.detach()), "psnr": float(-10 * mse.log10())}

    def after_step(self, step: int) -> None:
        """Everything is learned by gradients."""

    def sample(self, average: dict[str, Tensor]) -> Image.Image:
        """Return pictures (above) and their reconstructions (below) by the averaged weights."""
        vqgan = VQGAN(self.vqgan.config)
        vqgan.load_state_dict({**self.vqgan.state_dict(), **average})
        return reconstruction_sheet(vqgan.eval(), self.pictures)


def pocket_vqgan_decoder(
    pictures: PictureSet, trained: VQGAN
) -> tuple[VQGANDecoderTask, TrainConfig]:
    """Return the task and settings that finish pocket's decoder.

    Command: `ninefold train vqgan-decoder`.
    """
    config = TrainConfig(
        num_steps=1500,
        batch_size=20,
        learning_rate=1.2e-3,
        warmup_steps=50,
        weight_decay=0.0,
        ema_decay=0.995,
        save_every=200,
    )
    return VQGANDecoderTask(pictures, trained), config
