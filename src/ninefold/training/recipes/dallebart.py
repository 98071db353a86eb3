"""Recipe: the DalleBart of pocket, captions to 8×8 codes."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ninefold.data.token_dataset import TokenDataset
from ninefold.generation.decode import decode_picture
from ninefold.generation.generate import TextInput, generate
from ninefold.generation.params import SamplingParams
from ninefold.models.dallebart import DalleBart, DalleBartConfig
from ninefold.models.vqgan import VQGAN
from ninefold.text import TextTokenizer
from ninefold.training.captions import tokenize, write_captions
from ninefold.training.config import TrainConfig
from ninefold.training.pictures import PictureSet
from ninefold.training.recipes.clip import TEXT_LENGTH, VOCAB_SIZE
from ninefold.training.recipes.vqgan import POCKET_VQGAN

SOURCES = ("fluent-emoji-flat", "twemoji")
"""Sets that are drawn: the two flattest. With so little computing time, seeing each of their
pictures more often was worth more than seeing more of them (docs/LOG.md)."""
VARIANTS = 1
"""Versions of each picture that are encoded: 1 is the picture alone, more are mirrored or moved."""
BLANK_CAPTIONS = 0.1
BEGINNING = 4
"""Codes of a beginning. The first codes are the ones that the caption must tell: what follows, the
codes before it tell. Every other step learns only them, from more samples for the same time."""
BEGINNINGS = 8
"""Beginnings in a step for each whole picture in a step."""
POCKET_DALLEBART = DalleBartConfig(
    encoder_layers=2,
    decoder_layers=6,
    d_model=256,
    encoder_attention_heads=4,
    decoder_attention_heads=4,
    encoder_ffn_dim=512,
    decoder_ffn_dim=512,
    encoder_vocab_size=VOCAB_SIZE,
    image_vocab_size=POCKET_VQGAN.n_embed,
    max_text_length=TEXT_LENGTH,
    image_length=POCKET_VQGAN.image_length,
    decoder_start_token_id=POCKET_VQGAN.n_embed,
)
SAMPLE_PROMPTS = (
    "a red apple", "an octopus", "a robot", "a castle", "pizza", "a cat", "a rocket", "a house",
)  # fmt: skip


class DalleBartTask:
    """Next-code prediction with a share of captions blanked for guidance."""

    def __init__(
        self,
        corpus: Path,
        tokenizer: Path,
        vqgan: VQGAN,
        config: DalleBartConfig = POCKET_DALLEBART,
        seed: int = 2,
    ) -> None:
        torch.manual_seed(seed)
        pictures = PictureSet(corpus, SOURCES)
        self.tokenizer = TextTokenizer.from_folder(tokenizer, config.max_text_length)
        captions = tokenize(write_captions(pictures.records, seed=0), self.tokenizer)
        self.vqgan = vqgan.eval()
        self.dataset = TokenDataset(
            captions,
            encode_pictures(self.vqgan, pictures),
            np.asarray(self.tokenizer.encode_unconditional().ids, np.int32),
        )
        self.seed = seed
        self.model = DalleBart(config)
        _initialize(self.model)

    def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
        """Mean cross-entropy in nats per code: of whole pictures, then of beginnings, in turn."""
        is_whole = step % 2 == 0
        size = batch_size if is_whole else batch_size * BEGINNINGS
        batch = self.dataset.batch(step, size, self.seed, BLANK_CAPTIONS)
        codes = batch.codes if is_whole else batch.codes[:, :BEGINNING]
        start = self.model.config.decoder_start_token_id
        inputs = F.pad(codes[:, :-1], (1, 0), value=start)
        logits = self.model(batch.text_tokens, batch.text_mask, inputs)
        loss = F.cross_entropy(logits.flatten(0, 1).float(), codes.flatten())
        # Two losses of different size alternate, so each is logged as twice itself or nothing.
        value = 2 * float(loss.detach())
        return loss, {"whole": value * is_whole, "beginning": value * (not is_whole)}

    def after_step(self, step: int) -> None:
        """Everything is learned by gradients."""

    def sample(self, average: dict[str, Tensor]) -> Image.Image:
        """Return four pictures of each of the sample prompts by the averaged weights."""
        model = DalleBart(self.model.config).eval()
        model.load_state_dict(average)
        params = SamplingParams(seed=1, count=4, condition_scale=1.5, top_k=8, temperature=0.6)
        columns = []
        for prompt in SAMPLE_PROMPTS:
            encoded = [self.tokenizer.encode(f" {prompt}"), self.tokenizer.encode_unconditional()]
            text = TextInput(
                torch.tensor([e.ids for e in encoded]), torch.tensor([e.mask for e in encoded])
            )
            codes = generate(model, text, params, self.vqgan.config.n_embed)
            columns.append(np.concatenate([decode_picture(self.vqgan, row) for row in codes]))
        return Image.fromarray(np.concatenate(columns, axis=1))


def encode_pictures(vqgan: VQGAN, pictures: PictureSet) -> NDArray[np.int32]:
    """Encode the variants of all pictures; returns codes (P, `VARIANTS`, N)."""
    rows = []
    with torch.inference_mode():
        for index in range(len(pictures)):
            crops = np.stack([pictures.crop(index, variant) for variant in range(VARIANTS)])
            pixels = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
            rows.append(vqgan.encode(pixels).numpy().astype(np.int32))
    return np.stack(rows)


def pocket_dallebart(
    corpus: Path, tokenizer: Path, vqgan: VQGAN
) -> tuple[DalleBartTask, TrainConfig]:
    """Return pocket's DalleBart task and settings.

    Command: `ninefold train dallebart`.
    """
    config = TrainConfig(
        num_steps=4000,
        batch_size=12,
        learning_rate=1e-3,
        warmup_steps=100,
        weight_decay=0.05,
        betas=(0.9, 0.98),
        ema_decay=0.995,
        save_every=250,
    )
    return DalleBartTask(corpus, tokenizer, vqgan), config


def _initialize(model: DalleBart) -> None:
    """Normal with a standard deviation of 0.02 for every matrix and embedding."""
    for module in model.modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Embedding)):
            torch.nn.init.normal_(module.weight, std=0.02)
