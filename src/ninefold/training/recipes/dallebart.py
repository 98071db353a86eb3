"""Recipe: the DalleBart of pocket, captions to 8×8 codes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from PIL import Image
from torch import Tensor

from ninefold.corpus.lexicon import Entry
from ninefold.data.token_dataset import TokenDataset
from ninefold.generation.decode import decode_picture
from ninefold.generation.generate import TextInput, generate
from ninefold.generation.params import SamplingParams
from ninefold.models.dallebart import DalleBart, DalleBartConfig
from ninefold.models.vqgan import VQGAN
from ninefold.text import TextTokenizer
from ninefold.text.encoded import PAD_ID
from ninefold.training.captions import (
    choose_words,
    tokenize,
    write_captions,
    write_scene_captions,
)
from ninefold.training.config import TrainConfig
from ninefold.training.encoded import SCENE_SEED, EncodedPictures
from ninefold.training.meaning import MeaningEmbedding, extend_rows, read_word_vectors, tabulate
from ninefold.training.pictures import PictureSet
from ninefold.training.recipes.clip import TEXT_LENGTH, VOCAB_SIZE
from ninefold.training.recipes.vqgan import POCKET_VQGAN

WORDS = "encoder.embed_tokens"
"""Name of the text embedding."""
BLANK_CAPTIONS = 0.1
INITIAL_STD = 0.02
FOREIGN_CODES = 0.1
"""Share of the decoder's input codes that are another sample's at the same place. Drawing, the
decoder reads codes that it chose itself, some of them wrong; it learns so to heed the caption."""
SCENE_SHARE = 0.4
"""Share of a batch that are scenes; the others are single things."""
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
    "a red apple", "an octopus", "a robot", "a castle", "pizza", "a blue cat", "three bananas",
    "a frog in the snow", "a bear riding a bicycle", "a hamster wearing a top hat",
    "an owl and a rocket", "godzilla in tokyo",
)  # fmt: skip


class DalleBartTask:
    """Next-code prediction with a share of captions blanked for guidance."""

    def __init__(
        self,
        corpus: PictureSet,
        lexicon: Sequence[Entry],
        tokenizer: Path,
        vqgan: VQGAN,
        encoded: EncodedPictures,
        config: DalleBartConfig = POCKET_DALLEBART,
        seed: int = 2,
    ) -> None:
        torch.manual_seed(seed)
        self.vectors = read_word_vectors(tokenizer)
        config = replace(config, encoder_vocab_size=len(self.vectors))
        self.tokenizer = TextTokenizer.from_folder(tokenizer, config.max_text_length)
        self.vqgan = vqgan.eval()
        things = write_captions(corpus.records, 0, choose_words(lexicon))
        drawn = (corpus.draw_scene(SCENE_SEED, number) for number in range(len(encoded.scenes)))
        scenes = write_scene_captions(drawn, SCENE_SEED)
        blank = np.asarray(self.tokenizer.encode_unconditional().ids, np.int32)
        # Mirrored things would halve how often each is seen; in so short a training that is worse.
        upright = encoded.things[:, :1]
        self.things = TokenDataset(tokenize(things, self.tokenizer), upright, blank)
        self.scenes = TokenDataset(tokenize(scenes, self.tokenizer), encoded.scenes[:, None], blank)
        self.seed = seed
        self.scene_share = SCENE_SHARE
        self.model = DalleBart(config)
        self.words = MeaningEmbedding(self.vectors, config.d_model)
        self.model.encoder.embed_tokens = self.words
        _initialize(self.model)
        start_codes(self.model, vqgan.quantize.embedding.weight.detach())

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Go on from the weights of an earlier lesson, or of a finished model.

        The entries of a finished model's text embedding must be the first of the tokenizer's.
        """
        start = dict(weights)
        if f"{WORDS}.projection" in start:
            rows = start[f"{WORDS}.weight"]
            start[f"{WORDS}.weight"] = extend_rows(rows, len(self.vectors))
        else:
            texts = (self.things.text_tokens, self.scenes.text_tokens)
            is_read = torch.zeros(len(self.vectors), dtype=torch.bool)
            is_read[np.unique(np.concatenate([np.unique(part) for part in texts]))] = True
            self.words.split(start.pop(f"{WORDS}.weight").float(), is_read)
            start.update(self.words.state_dict(prefix=f"{WORDS}."))
        self.model.load_state_dict(start)

    def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
        """Mean cross-entropy in nats per code, over things and scenes."""
        tokens, codes, split = self.samples(step, batch_size, self.scene_share, self.seed)
        losses = self.code_losses(tokens, codes, step)
        of_sample = losses.detach().mean(1)
        metrics = {"things": float(of_sample[:split].mean())}
        if split < batch_size:
            metrics["scenes"] = float(of_sample[split:].mean())
        return losses.mean(), metrics

    def samples(
        self, step: int, batch_size: int, scene_share: float, seed: int
    ) -> tuple[Tensor, Tensor, int]:
        """Return texts (B, T) and codes (B, N) of a step, and how many of them are things.

        Things come first, then `scene_share` of the batch in scenes, where there are any.
        """
        num_scenes = round(batch_size * scene_share) if len(self.scenes) else 0
        num_things = batch_size - num_scenes
        batches = [self.things.batch(step, num_things, seed, BLANK_CAPTIONS)]
        if num_scenes:
            batches.append(self.scenes.batch(step, num_scenes, seed, BLANK_CAPTIONS))
        tokens = _join_texts([batch.text_tokens for batch in batches])
        return tokens, torch.cat([batch.codes for batch in batches]), num_things

    def code_losses(self, tokens: Tensor, codes: Tensor, step: int) -> Tensor:
        """Cross-entropy (B, N) of the first N codes of pictures, given texts (B, T)."""
        draw = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        is_foreign = torch.rand(codes.shape, generator=draw) < FOREIGN_CODES
        seen = torch.where(is_foreign, codes.roll(1, 0), codes)
        start = self.model.config.decoder_start_token_id
        inputs = F.pad(seen[:, :-1], (1, 0), value=start)
        self.words.start_step(self.seed * 1_000_003 + step)
        logits = self.model(tokens, tokens != PAD_ID, inputs)
        return F.cross_entropy(logits.transpose(1, 2).float(), codes, reduction="none")

    def after_step(self, step: int) -> None:
        """Everything is learned by gradients."""

    def sample(self, average: dict[str, Tensor]) -> Image.Image:
        """Return four pictures of each of the sample prompts by the averaged weights."""
        model = DalleBart(self.model.config).eval()
        model.load_state_dict(tabulate(average, WORDS, self.vectors))
        params = SamplingParams(seed=1, count=4, condition_scale=2.0, top_k=16, temperature=0.7)
        columns = []
        for prompt in SAMPLE_PROMPTS:
            encoded = [self.tokenizer.encode(f" {prompt}"), self.tokenizer.encode_unconditional()]
            text = TextInput(
                torch.tensor([e.ids for e in encoded]), torch.tensor([e.mask for e in encoded])
            )
            codes = generate(model, text, params, self.vqgan.config.n_embed)
            columns.append(np.concatenate([decode_picture(self.vqgan, row) for row in codes]))
        return Image.fromarray(np.concatenate(columns, axis=1))


def pocket_dallebart(
    corpus: PictureSet,
    lexicon: Sequence[Entry],
    tokenizer: Path,
    vqgan: VQGAN,
    encoded: EncodedPictures,
) -> tuple[DalleBartTask, TrainConfig]:
    """Return pocket's DalleBart task and settings.

    Command: `ninefold train dallebart`. An hour and a half of one core with AVX-512 BF16; things
    end at 0.93 nats a code, scenes at 2.6 (docs/LOG.md).
    """
    config = TrainConfig(
        num_steps=3000,
        batch_size=64,
        learning_rate=3e-3,
        muon_learning_rate=0.03,
        warmup_steps=50,
        weight_decay=0.05,
        betas=(0.9, 0.98),
        ema_decay=0.995,
        save_every=250,
    )
    return DalleBartTask(corpus, lexicon, tokenizer, vqgan, encoded), config


def _join_texts(texts: Sequence[Tensor]) -> Tensor:
    """Return the texts (B, T) of several batches, padded to the longest."""
    length = max(text.shape[1] for text in texts)
    return torch.cat([F.pad(text, (0, length - text.shape[1]), value=PAD_ID) for text in texts])


def _initialize(model: DalleBart) -> None:
    """Normal with a standard deviation of 0.02 for every matrix and embedding."""
    for module in model.modules():
        if isinstance(module, MeaningEmbedding):
            module.initialize(INITIAL_STD)
        elif isinstance(module, (torch.nn.Linear, torch.nn.Embedding)):
            torch.nn.init.normal_(module.weight, std=INITIAL_STD)


def start_codes(model: DalleBart, codebook: Tensor) -> None:
    """Start embedding and head of codes that look alike alike, by a random turn of the codebook.

    At step 200 the loss was 0.1 nats lower so.
    """
    vectors = (codebook - codebook.mean(0)) / codebook.std()
    width = model.config.d_model
    turn = torch.linalg.qr(torch.randn(width, vectors.shape[1]))[0].T
    for module in (model.decoder.embed_tokens, model.lm_head):
        _blend(module.weight, vectors @ turn)


def _blend(weight: Tensor, vectors: Tensor) -> None:
    """Add vectors (V, W) of the usual size to half of the first V rows of a weight."""
    vectors = vectors * (INITIAL_STD / vectors.std())
    with torch.no_grad():
        weight[: len(vectors)].mul_(0.5).add_(vectors)
