"""Recipe: the CLIP of pocket, which puts the best of the nine first.

It ranks pictures that a VQGAN decoded, so it learns from such too. And it ranks pictures of one
caption, so it has to see more than which things are there: beside a scene stands another of the
same things, which contradicts its caption in one point.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from torch import Tensor

from ninefold.corpus.contrasts import seen_contrasts
from ninefold.corpus.lexicon import Entry
from ninefold.corpus.scenes.compose import compose
from ninefold.corpus.scenes.scene import Scene
from ninefold.models.clip import CLIP, CLIPConfig
from ninefold.text import TextTokenizer
from ninefold.text.encoded import EOS_ID, PAD_ID
from ninefold.training.captions import (
    choose_words,
    tokenize,
    write_captions,
    write_scene_captions,
)
from ninefold.training.config import TrainConfig
from ninefold.training.encoded import SCENE_SEED, to_pixels
from ninefold.training.meaning import MeaningEmbedding, read_word_vectors
from ninefold.training.pictures import Picture, PictureSet
from ninefold.training.restored import RestoredPictures

WORDS = "text_model.embeddings.token_embedding"
"""Name of the text embedding."""
TEXT_LENGTH = 32
VOCAB_SIZE = 8192
POCKET_CLIP = CLIPConfig(
    projection_dim=128,
    image_size=128,
    patch_size=16,
    vision_width=128,
    vision_layers=4,
    vision_heads=4,
    vision_intermediate_size=512,
    vocab_size=VOCAB_SIZE,
    max_positions=TEXT_LENGTH,
    text_width=128,
    text_layers=2,
    text_heads=4,
    text_intermediate_size=512,
    activation="gelu",
    eos_token_id=EOS_ID,
    image_mean=(0.8, 0.75, 0.7),
    image_std=(0.3, 0.3, 0.35),
)
SCENE_SHARE = 1 / 2
"""Share of a batch that are scenes; half of them contradict the other half."""
RESTORED_SHARE = 1 / 2
"""Share of the things and scenes that are shown as the VQGAN restores them."""
VARIANTS = 16
"""Mirrored and moved versions that a picture is seen in."""
INITIAL_STD = 0.02
"""Of the text embedding, as the paper has it."""
MAX_LOGIT_SCALE = float(np.log(100))


class CLIPTask:
    """Contrastive learning (Radford et al. 2021) where pictures of one emoji are all positives."""

    def __init__(
        self,
        pictures: PictureSet,
        lexicon: Sequence[Entry],
        tokenizer: Path,
        restored: RestoredPictures,
        config: CLIPConfig = POCKET_CLIP,
        seed: int = 1,
    ) -> None:
        torch.manual_seed(seed)
        vectors = read_word_vectors(tokenizer)
        self.pictures, self.restored, self.seed = pictures, restored, seed
        self.num_scenes = len(restored.encoded.scenes)
        self.encoder = TextTokenizer.from_folder(tokenizer, config.max_positions)
        records = pictures.records
        self.things = tokenize(write_captions(records, 0, choose_words(lexicon)), self.encoder)
        drawn = (pictures.draw_scene(SCENE_SEED, number) for number in range(self.num_scenes))
        self.scenes = tokenize(write_scene_captions(drawn, SCENE_SEED), self.encoder)
        names = {record.hexcode: number for number, record in enumerate(records)}
        self.kinds = np.asarray([names[record.hexcode] for record in records])
        self.model = CLIP(replace(config, vocab_size=len(vectors)))
        self.words = MeaningEmbedding(vectors, config.text_width)
        self.words.initialize(INITIAL_STD)
        self.model.text_model.embeddings.token_embedding = self.words

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Go on from the weights of a finished model, whose entries are the tokenizer's first."""
        start = dict(weights)
        is_read = torch.zeros(len(self.words.weight), dtype=torch.bool)
        is_read[np.union1d(self.things, self.scenes)] = True
        self.words.split(start.pop(f"{WORDS}.weight").float(), is_read)
        start.update(self.words.state_dict(prefix=f"{WORDS}."))
        self.model.load_state_dict(start)

    def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of pictures given texts and of texts given pictures."""
        pixels, ids, kinds = self.batch(step, batch_size)
        self.words.start_step(self.seed * 1_000_003 + step)
        by_image, by_text = self.model(self.model.normalize(pixels), ids)
        target = (kinds[:, None] == kinds).float()
        target /= target.sum(1, keepdim=True)
        loss = (F.cross_entropy(by_image, target) + F.cross_entropy(by_text, target)) / 2
        right = (kinds[by_text.argmax(1)] == kinds).float().mean()
        return loss, {"retrieval": float(right)}

    def batch(self, step: int, batch_size: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return pictures (B, 3, H, W) in [0, 1], token ids (B, T) and what they show (B,)."""
        draw = np.random.Generator(np.random.Philox(key=[self.seed, step + (1 << 32)]))
        num_pairs = round(batch_size * SCENE_SHARE / 2) if self.num_scenes else 0
        things = self.pictures.order(step, batch_size - 2 * num_pairs, self.seed)
        scenes = draw.integers(self.num_scenes, size=num_pairs) if num_pairs else things[:0]
        shown = [self._thing(int(index), draw) for index in things]
        shown += [self._scene(int(number), draw) for number in scenes]
        others = [self._contradiction(int(number), draw) for number in scenes]
        shown += [compose(other, self.pictures.find, self.pictures.size) for other in others]
        texts = [write_scene_captions([o], int(draw.integers(1 << 30)))[0][:1] for o in others]
        tokens = np.concatenate(
            [
                captions[chosen, draw.integers(captions.shape[1], size=len(chosen))]
                for captions, chosen in ((self.things, things), (self.scenes, scenes))
                if len(chosen)
            ]
            + ([tokenize(texts, self.encoder)[:, 0]] if texts else [])
        )
        length = int((tokens != PAD_ID).sum(1).max())
        # Every contradiction is a kind of its own; so is every scene.
        first = len(self.kinds) + self.num_scenes
        apart = np.arange(first, first + num_pairs)
        kinds = np.concatenate([self.kinds[things], len(self.kinds) + scenes, apart])
        return (
            to_pixels(np.stack(shown)),
            torch.from_numpy(tokens[:, :length].astype(np.int64)),
            torch.from_numpy(kinds),
        )

    def _thing(self, index: int, draw: np.random.Generator) -> Picture:
        if draw.random() < RESTORED_SHARE:
            return self.restored.thing(index, is_mirrored=bool(draw.integers(2)))
        return self.pictures.moved(index, int(draw.integers(VARIANTS)))

    def _scene(self, number: int, draw: np.random.Generator) -> Picture:
        if draw.random() < RESTORED_SHARE:
            return self.restored.scene(number)
        return self.pictures.scene(SCENE_SEED, number)[1]

    def _contradiction(self, number: int, draw: np.random.Generator) -> Scene:
        """A scene that contradicts scene `number`; itself where there is none."""
        scene = self.pictures.draw_scene(SCENE_SEED, number)
        others = seen_contrasts(scene)
        return others[int(draw.integers(len(others)))] if others else scene

    def after_step(self, step: int) -> None:  # noqa: ARG002 - part of the Task protocol
        """Keep the temperature in its bounds, as the paper does."""
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, MAX_LOGIT_SCALE)

    def sample(self, average: dict[str, Tensor]) -> None:
        """CLIP draws nothing."""


def pocket_clip(
    pictures: PictureSet,
    lexicon: Sequence[Entry],
    tokenizer: Path,
    restored: RestoredPictures,
    start: Mapping[str, Tensor] | None = None,
) -> tuple[CLIPTask, TrainConfig]:
    """Return pocket's CLIP task and settings.

    Command: `ninefold train clip`. Half an hour of one core with AVX-512 BF16, of which some goes
    into composing; 71 % of a batch right, contradictions included (docs/LOG.md). With `start`, it
    goes on from the weights of a finished model.
    """
    config = TrainConfig(
        num_steps=1400,
        batch_size=128,
        learning_rate=1.5e-3,
        muon_learning_rate=0.02,
        warmup_steps=100,
        weight_decay=0.1,
        ema_decay=0.99,
        save_every=100,
        log_every=20,
    )
    task = CLIPTask(pictures, lexicon, tokenizer, restored)
    if start is not None:
        task.start_from(start)
    return task, config


def halfway(start: Mapping[str, Tensor], end: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the mean of the weights of two finished CLIPs, of which one went on from the other.

    What the second learned is kept with less forgotten of the first (Wortsman et al., "Robust
    Fine-Tuning of Zero-Shot Models", 2022). Words that the tokenizer got since are the second's.
    """
    words = f"{WORDS}.weight"
    known = len(start[words])
    middle = {n: (start[n].float() + end[n].float()) / 2 for n in end if n != words}
    middle[words] = end[words].float().clone()
    middle[words][:known] = (start[words].float() + end[words][:known].float()) / 2
    return middle
