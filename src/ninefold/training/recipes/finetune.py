"""Recipe: a trained model's DalleBart taught a person's own pictures.

The VQGAN, the codes and the tokenizer stay as they are, so what is drawn can only be as good as the
VQGAN keeps those pictures. Half of what is learned are the model's own earlier drawings.
"""

from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ninefold.checkpoints.load import load_dallebart, load_vqgan
from ninefold.checkpoints.model_folder import read_config
from ninefold.corpus.build import read_records
from ninefold.corpus.render import flatten
from ninefold.data.token_dataset import TokenDataset
from ninefold.errors import UserError
from ninefold.generation.decode import decode_picture
from ninefold.generation.generate import TextInput, generate
from ninefold.generation.params import SamplingParams, get_preset
from ninefold.models.dallebart import DalleBart
from ninefold.models.vqgan import VQGAN
from ninefold.text.reader import PromptReader
from ninefold.training.cells import encode_settled, to_pixels
from ninefold.training.config import TrainConfig
from ninefold.training.inputs import hash_corpus, hash_model
from ninefold.training.rehearsal import rehearse

VARIANTS = 4
"""Versions of each picture: itself, and moved a little. None is mirrored: writing would be."""
BLANK_CAPTIONS = 0.1
WHITE = (255, 255, 255)


class FinetuneTask:
    """Next-code prediction on own pictures, from the weights of a trained model."""

    def __init__(self, corpus: Path, base: Path, root: Path, seed: int = 21) -> None:
        """`root`: folder of the run, where the model's own drawings are kept."""
        torch.manual_seed(seed)
        config = read_config(base)
        sizes = config.dallebart
        self.records = read_records(corpus)
        rgba = np.load(corpus / "pictures.npy", mmap_mode="r")
        size = config.drawn_size
        if rgba.shape[1] != size:
            raise UserError(
                f"{corpus} holds pictures of {rgba.shape[1]} pixels, but {config.name} draws "
                f"{size}; build it again with --size {size}."
            )
        self.reader = PromptReader(
            base,
            sizes.max_text_length,
            sizes.encoder_vocab_size,
            has_normalizer=config.normalize_text,
        )
        self.vqgan = load_vqgan(base)
        self.model: DalleBart = load_dallebart(base)
        self.preset = get_preset(config.preset).params
        encode = partial(encode_shown, self.vqgan, has_plain_codes=config.has_plain_codes)
        self.dataset = TokenDataset(
            self._read_captions(),
            np.stack([encode(show_versions(rgba[i], i)) for i in range(len(rgba))]),
            np.asarray(self.reader.read("-").unconditional.ids, np.int32),
        )
        num_codes = config.vqgan.n_embed
        made_from = {"model": hash_model(base)}
        self.rehearsal = rehearse(self.model, self.reader, self.preset, num_codes, root, made_from)
        self.inputs = {"corpus": hash_corpus(corpus), **made_from}
        self.seed = seed

    def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
        """Mean cross-entropy in nats per code: half of it of own pictures, half of rehearsed."""
        own = self._loss_of(self.dataset, step, batch_size - batch_size // 2)
        rehearsed = self._loss_of(self.rehearsal, step, max(1, batch_size // 2))
        metrics = {"own": float(own.detach()), "rehearsed": float(rehearsed.detach())}
        return (own + rehearsed) / 2, metrics

    def _loss_of(self, dataset: TokenDataset, step: int, batch_size: int) -> Tensor:
        batch = dataset.batch(step, batch_size, self.seed, BLANK_CAPTIONS)
        start = self.model.config.decoder_start_token_id
        inputs = F.pad(batch.codes[:, :-1], (1, 0), value=start)
        logits = self.model(batch.text_tokens, batch.text_mask, inputs)
        return F.cross_entropy(logits.flatten(0, 1).float(), batch.codes.flatten())

    def after_step(self, step: int) -> None:
        """Everything is learned by gradients."""

    def sample(self, average: dict[str, Tensor]) -> Image.Image:
        """Return four pictures for each of the first captions, by the averaged weights."""
        model = DalleBart(self.model.config).eval()
        model.load_state_dict(average)
        values = {**self.preset.to_dict(), "seed": 1, "count": 4}
        params = SamplingParams.from_dict(values)
        columns = []
        for record in self.records[:6]:
            read = self.reader.read(record.captions[0] if record.captions else record.label)
            texts = (read.prompt, read.unconditional)
            text = TextInput(
                torch.tensor([t.ids for t in texts]), torch.tensor([t.mask for t in texts])
            )
            codes = generate(model, text, params, self.vqgan.config.n_embed)
            columns.append(np.concatenate([decode_picture(self.vqgan, row) for row in codes]))
        return Image.fromarray(np.concatenate(columns, axis=1))

    def _read_captions(self) -> NDArray[np.int32]:
        """Token ids (P, M, T); a picture with fewer captions than others repeats its own."""
        captions = [record.captions or (record.label,) for record in self.records]
        most = max(len(of_picture) for of_picture in captions)
        rows = [
            [self.reader.read(of_picture[i % len(of_picture)]).prompt.ids for i in range(most)]
            for of_picture in captions
        ]
        return np.asarray(rows, np.int32)


def show_versions(rgba: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
    """Return picture `index` (H, W, 4) on white and moved a little, (`VARIANTS`, H, W, 3)."""
    shown = flatten(np.asarray(rgba), WHITE)
    shift = max(1, len(shown) // 32)
    padded = np.pad(shown, ((shift,) * 2, (shift,) * 2, (0, 0)), mode="edge")
    versions = [shown]
    for variant in range(1, VARIANTS):
        draw = np.random.Generator(np.random.Philox(key=[index, variant]))
        top, left = draw.integers(2 * shift + 1, size=2)
        versions.append(padded[top : top + len(shown), left : left + len(shown)])
    return np.stack(versions)


def encode_shown(
    vqgan: VQGAN, pictures: NDArray[np.uint8], *, has_plain_codes: bool
) -> NDArray[np.int32]:
    """Encode pictures (B, H, W, 3) as a model has learned them; returns codes (B, N)."""
    if has_plain_codes:
        return encode_settled(vqgan, pictures).flatten(1).numpy().astype(np.int32)
    with torch.inference_mode():
        return vqgan.encode(to_pixels(pictures)).numpy().astype(np.int32)


def finetune_recipe(
    corpus: Path, base: Path, root: Path, num_steps: int
) -> tuple[FinetuneTask, TrainConfig]:
    """Return the task and settings that teach a model own pictures.

    Command: `ninefold train finetune`.
    """
    config = TrainConfig(
        num_steps=num_steps,
        batch_size=16,
        learning_rate=3e-4,
        warmup_steps=min(50, num_steps),
        weight_decay=0.01,
        betas=(0.9, 0.98),
        ema_decay=0.98,
        save_every=100,
        log_every=25,
    )
    return FinetuneTask(corpus, base, root), config
