"""Recipe: the DalleBart of pocket, captions to 16×16 codes.

A caption is read as things, by their sketches, and the words between them (`text.things`,
`training.sketches`).
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ninefold.corpus.scenes.compose import looks_of
from ninefold.corpus.scenes.looks import LOOKS
from ninefold.corpus.scenes.places import GROUNDS
from ninefold.corpus.scenes.scene import Scene
from ninefold.data.token_dataset import TokenDataset
from ninefold.generation.decode import decode_picture
from ninefold.generation.generate import TextInput, generate
from ninefold.generation.params import SamplingParams
from ninefold.models.attention import Attention
from ninefold.models.dallebart import DalleBart, DalleBartConfig
from ninefold.models.sketches import (
    CONTENT_SCALE,
    NAME_SCALE,
    NUM_PLACES,
    SketchEmbedding,
    packed_size,
)
from ninefold.models.vqgan import VQGAN
from ninefold.text import TextNormalizer, TextTokenizer
from ninefold.text.encoded import BOS_ID, EOS_ID, PAD_ID
from ninefold.text.things import ThingTable, Version
from ninefold.training.config import TrainConfig
from ninefold.training.encoded import SCENE_SEED, EncodedPictures
from ninefold.training.pictures import PictureSet
from ninefold.training.recipes.vqgan import POCKET_VQGAN
from ninefold.training.sketches import BLOCK, LENGTH, SIDES, plain_code_of_looks
from ninefold.training.slot_captions import CAPTIONS_PER_SCENE, drawn_captions, thing_captions

WORDS = "encoder.embed_tokens"
"""Name of the text embedding."""
TEXT_LENGTH = 256
"""Sketches of two things, and words: more than any caption of the training has."""
BLANK_CAPTIONS = 0.1
CODE_WIDTH = 64
"""Numbers that stand for a code in a sketch, and in the start of embedding and head. Vectors of the
codebook alone, which have 16, are too near to each other: a part of one that is read among others
does not tell which it was, and copying was not learned (docs/LOG.md)."""
SHARPNESS = 2.2
"""Size of the queries' and keys' matrices at the start of the attention to the text."""
CONTENT, NAMED = 0.2, 0.8
"""Length of what a number of a code's vector adds to an entry, and of what says which one it is."""
PARITY = 0.1
"""Size of what tells odd rows and columns in a position."""
GATE = 0.8
WRITTEN = 0.6
"""Sizes of what picks one code of an entry, and of what is written of it."""
WEAK = 0.1
"""Share of other entries in an entry of the text encoder at the start."""
INITIAL_STD = 0.02
FIRST_STEPS, FIRST_LENGTH = 250, 128
"""Steps of the first lesson: single things, and of each picture the upper half. What
is learned there, to draw what a sketch says, is the same in every row and in scenes; among scenes
it was not learned in 400 steps (docs/LOG.md)."""
FOREIGN_CODES = 0.05
"""Share of the decoder's input codes that are another sample's at the same place. Drawing, the
decoder reads codes that it chose itself, some of them wrong; it learns so to heed the caption."""
ON_WHITE = 4
"""One caption of so many shows things as on white wherever they are. Tinted ones have no sketch on
other grounds, and are drawn there by what is learned from these."""
SCENE_SHARE = 0.85
"""Share of a batch that are scenes; the others are single things on white."""
POCKET_DALLEBART = DalleBartConfig(
    encoder_layers=2,
    decoder_layers=4,
    d_model=256,
    encoder_attention_heads=4,
    decoder_attention_heads=4,
    encoder_ffn_dim=512,
    decoder_ffn_dim=768,
    encoder_vocab_size=1,
    sketch_looks=len(LOOKS),
    sketch_grounds=len(GROUNDS),
    sketch_length=LENGTH,
    sketch_codes=BLOCK**2,
    sketch_width=CODE_WIDTH,
    image_vocab_size=POCKET_VQGAN.n_embed,
    max_text_length=TEXT_LENGTH,
    image_length=POCKET_VQGAN.image_length,
    decoder_start_token_id=POCKET_VQGAN.n_embed,
)
SAMPLE_PROMPTS = (
    "a hamster in a sombrero", "an octopus", "a blue cat", "a frog in the snow",
    "a bear riding a bicycle", "thanos at walmart",
)  # fmt: skip


class DalleBartTask:
    """Next-code prediction with a share of captions blanked for guidance."""

    def __init__(
        self,
        corpus: PictureSet,
        table: ThingTable,
        tokenizer: Path,
        sketches: NDArray[np.int16],
        vqgan: VQGAN,
        encoded: EncodedPictures,
        config: DalleBartConfig = POCKET_DALLEBART,
        seed: int = 2,
    ) -> None:
        torch.manual_seed(seed)
        self.tokenizer = TextTokenizer.from_folder(tokenizer, config.max_text_length)
        self.table = table
        self.num_words = self.tokenizer.num_entries
        codes, plain = torch.from_numpy(sketches), torch.from_numpy(plain_code_of_looks())
        num_entries = NUM_PLACES * len(codes) * len(LOOKS) * LENGTH
        config = replace(
            config,
            encoder_vocab_size=self.num_words + num_entries,
            num_sketches=len(codes),
            sketch_bytes=packed_size(codes, plain, len(GROUNDS)),
        )
        self.vqgan = vqgan.eval()
        self.sketches = {
            (record.source, record.label): number for number, record in enumerate(corpus.records)
        }
        of_things = thing_captions(corpus)
        things = [
            [
                self._token_row(text, Scene(record.source, "single", (record.label,)))
                for text in texts
            ]
            for record, texts in zip(corpus.records, of_things, strict=True)
        ]
        drawn = [corpus.draw_scene(SCENE_SEED, number) for number in range(len(encoded.scenes))]
        of_scenes = drawn_captions(drawn, SCENE_SEED)
        scenes = [
            [
                self._token_row(text, scene, is_on_white=(number + index) % ON_WHITE == 0)
                for index, text in enumerate(texts)
            ]
            for number, (scene, texts) in enumerate(zip(drawn, of_scenes, strict=True))
        ]
        blank = np.full(config.max_text_length, PAD_ID, np.int32)
        blank[:2] = BOS_ID, EOS_ID
        self.things = TokenDataset(np.asarray(things, np.int32), encoded.things[:, None], blank)
        self.scenes = TokenDataset(
            np.asarray(scenes, np.int32).reshape(
                len(scenes), CAPTIONS_PER_SCENE, config.max_text_length
            ),
            encoded.scenes[:, None],
            blank,
        )
        self.seed = seed
        self.scene_share = SCENE_SHARE
        self.model = DalleBart(config)
        codebook = vqgan.quantize.embedding.weight.detach()
        words = self.model.encoder.embed_tokens
        assert isinstance(words, SketchEmbedding)
        words.keep(codes, plain)
        vectors = name_codes(codebook, config.sketch_width)
        words.vectors.copy_(vectors)
        _initialize(self.model)
        turn = start_codes(self.model, vectors)
        parity = start_positions(self.model)
        start_copying(self.model, words, turn, parity)

    def _token_row(self, text: str, scene: Scene, *, is_on_white: bool = False) -> list[int]:
        """Return the token ids of a scene's caption, padded, behind the sketches of its things."""
        seen = replace(scene, place="") if is_on_white else scene
        shown = tuple(
            (self.sketches[scene.source, label], looks_of(seen, number))
            for number, label in enumerate(scene.things)
        )
        return list(self.tokenizer.encode_things(Version(text, shown), self.table).ids)

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Go on from the weights of an earlier lesson."""
        self.model.load_state_dict(dict(weights))

    def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
        """Mean cross-entropy in nats per code, over things and scenes."""
        scene_share = 0.0 if step < FIRST_STEPS else self.scene_share
        tokens, codes, split = self.samples(step, batch_size, scene_share, self.seed)
        if step < FIRST_STEPS:
            codes = codes[:, :FIRST_LENGTH]
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
        logits = self.model(tokens, tokens != PAD_ID, inputs)
        flat = logits.flatten(0, 1).float()
        return F.cross_entropy(flat, codes.flatten(), reduction="none").view_as(codes)

    def after_step(self, step: int) -> None:
        """Everything is learned by gradients."""

    def sample(self, average: dict[str, Tensor]) -> Image.Image:
        """Return two pictures of each of the sample prompts by the averaged weights."""
        model = DalleBart(self.model.config).eval()
        model.load_state_dict(average)
        params = SamplingParams(seed=1, count=2, condition_scale=1.5, top_k=16, temperature=0.5)
        normalize = TextNormalizer()
        columns = []
        for prompt in SAMPLE_PROMPTS:
            read = self.table.read(normalize(prompt))
            encoded = [
                self.tokenizer.encode_things(version, self.table)
                for version in self.table.versions(read)
            ]
            encoded.append(self.tokenizer.encode_unconditional())
            text = TextInput(
                torch.tensor([e.ids for e in encoded]), torch.tensor([e.mask for e in encoded])
            )
            codes = generate(model, text, params, self.vqgan.config.n_embed)
            columns.append(np.concatenate([decode_picture(self.vqgan, row) for row in codes]))
        return Image.fromarray(np.concatenate(columns, axis=1)[::2, ::2])


def pocket_dallebart(
    corpus: PictureSet,
    table: ThingTable,
    tokenizer: Path,
    sketches: NDArray[np.int16],
    vqgan: VQGAN,
    encoded: EncodedPictures,
) -> tuple[DalleBartTask, TrainConfig]:
    """Return pocket's DalleBart task and settings.

    Command: `ninefold train dallebart`.
    """
    config = TrainConfig(
        num_steps=1700,
        batch_size=16,
        learning_rate=1e-3,
        muon_learning_rate=0.01,
        warmup_steps=50,
        weight_decay=0.05,
        betas=(0.9, 0.98),
        ema_decay=0.99,
        save_every=450,
    )
    return DalleBartTask(corpus, table, tokenizer, sketches, vqgan, encoded), config


def _join_texts(texts: Sequence[Tensor]) -> Tensor:
    """Return the texts (B, T) of several batches, padded to the longest."""
    length = max(text.shape[1] for text in texts)
    return torch.cat([F.pad(text, (0, length - text.shape[1]), value=PAD_ID) for text in texts])


def _initialize(model: DalleBart) -> None:
    """Normal with a standard deviation of 0.02 for every matrix and embedding."""
    for module in model.modules():
        if isinstance(module, SketchEmbedding):
            torch.nn.init.normal_(module.weight, std=INITIAL_STD)
            size = (len(module.projection) * CONTENT_SCALE**2) ** 0.5
            torch.nn.init.normal_(module.projection, std=INITIAL_STD / size)
        elif isinstance(module, (torch.nn.Linear, torch.nn.Embedding)):
            torch.nn.init.normal_(module.weight, std=INITIAL_STD)


def name_codes(codebook: Tensor, width: int) -> Tensor:
    """Return what stands for each code (K, width): its vector (K, E), and numbers drawn at random.

    All have zero mean and unit deviation.
    """
    vectors = (codebook - codebook.mean(0)) / codebook.std(0)
    drawn = torch.randn(len(vectors), width - vectors.shape[1])
    return torch.cat([vectors, drawn], 1)


def start_codes(model: DalleBart, vectors: Tensor) -> Tensor:
    """Start embedding and head of codes by a random turn of what stands for them (K, E).

    Returns:
        The turn, (E, C): the direction that each of the numbers has.
    """
    width = model.config.d_model
    turn: Tensor = torch.linalg.qr(torch.randn(width, vectors.shape[1]))[0].T
    for module in (model.decoder.embed_tokens, model.lm_head):
        _blend(module.weight, vectors @ turn)
    return turn


@torch.no_grad()
def start_positions(model: DalleBart) -> Tensor:
    """Start positions of one row, and of one column, alike: a picture is a grid.

    Returns:
        (2, C), the directions that tell odd rows and odd columns from even ones.
    """
    table = model.decoder.embed_positions
    assert table is not None
    side = math.isqrt(len(table.weight))
    rows, columns = torch.randn(2, side, table.weight.shape[1]) * INITIAL_STD
    grid = (rows[:, None] + columns).flatten(0, 1)
    parity: Tensor = torch.linalg.qr(torch.randn(table.weight.shape[1], 2))[0].T
    sign = torch.arange(side) % 2 * 2.0 - 1
    odd = (sign[:, None, None] * parity[0] + sign[:, None] * parity[1]).flatten(0, 1)
    table.weight.mul_(0.3).add_(grid * 0.6 + odd * PARITY)
    return parity


@torch.no_grad()
def start_copying(model: DalleBart, words: SketchEmbedding, turn: Tensor, parity: Tensor) -> None:
    """Start as what draws a thing by itself from its sketch, roughly; the rest is learned.

    Each code attends to the entries that hold its part of a picture: the entries of a thing as it
    stands by itself get the mean of the positions that they cover, and queries and keys of the
    attention to the text start alike, and so do what it reads and writes. Then some of the hidden
    units pick one code of an entry's four by whether row and column are odd. From random matrices
    nothing was gained from the text's attention for 400 steps (docs/LOG.md).

    Args:
        model: as initialized.
        words: its text embedding.
        turn: of `start_codes`.
        parity: of `start_positions`.
    """

    def scale(attention: Attention) -> Tensor:
        assert isinstance(attention.post_ln, torch.nn.LayerNorm)
        return attention.post_ln.weight

    positions = model.decoder.embed_positions
    assert positions is not None
    side = math.isqrt(len(positions.weight))
    grid = positions.weight.view(side, side, -1)
    first, blocks = (side - SIDES[0]) // 2, SIDES[0] // BLOCK
    inner = grid[first : first + SIDES[0], first : first + SIDES[0]]
    regions = inner.reshape(blocks, BLOCK, blocks, BLOCK, -1).mean((1, 3)).flatten(0, 1)
    content = len(words.projection) - NUM_PLACES * words.length
    width_of_code = len(turn)
    directions = torch.linalg.qr(torch.randn(words.projection.shape[1], content))[0].T
    words.projection[:content] = directions * CONTENT
    size = NAMED / (regions.norm(dim=1).mean() * NAME_SCALE * CONTENT_SCALE)
    for place in range(NUM_PLACES):
        first_name = content + place * words.length
        words.projection[first_name : first_name + len(regions)].mul_(0.3).add_(regions * size)
    encoder_positions = model.encoder.embed_positions
    assert encoder_positions is not None
    encoder_positions.weight.mul_(0.25)
    model.decoder.embed_tokens.weight.mul_(0.5)
    for reading in model.encoder.typed_layers():
        scale(reading.self_attn).fill_(WEAK)
    for layer in model.decoder.typed_layers():
        scale(layer.self_attn).fill_(0.5)
        cross = layer.cross_attn
        width = cross.q_proj.weight.shape[0]
        mix = torch.linalg.qr(torch.randn(width, width))[0]
        for projection in (cross.q_proj, cross.k_proj):
            projection.weight.mul_(0.5).add_(mix * SHARPNESS)
        cross.v_proj.weight.mul_(0.5).add_(mix)
        cross.out_proj.weight.mul_(0.5).add_(mix.T)
        ffn = layer.ffn
        assert ffn.up is not None
        for code, (row, column) in enumerate(itertools.product((-1.0, 1.0), repeat=2)):
            units = slice(code * width_of_code, (code + 1) * width_of_code)
            ffn.gate.weight[units] = GATE * (row * parity[0] + column * parity[1])
            ffn.up.weight[units] = directions[units]
            ffn.down.weight[:, units] = turn.T * WRITTEN


def _blend(weight: Tensor, vectors: Tensor) -> None:
    """Add vectors (V, W) of the usual size to half of the first V rows of a weight."""
    vectors = vectors * (INITIAL_STD / vectors.std())
    with torch.no_grad():
        weight[: len(vectors)].mul_(0.5).add_(vectors)
