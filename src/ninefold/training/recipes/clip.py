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
from PIL import Image
from torch import Tensor

from ninefold.corpus.contrasts import seen_contrasts
from ninefold.corpus.scenes.compose import compose
from ninefold.corpus.scenes.scene import Scene
from ninefold.models.clip import CLIP, CLIPConfig
from ninefold.text import TextTokenizer
from ninefold.text.encoded import EOS_ID, PAD_ID
from ninefold.text.things import ThingTable
from ninefold.training.cells import to_pixels
from ninefold.training.config import TrainConfig
from ninefold.training.encoded import SCENE_SEED
from ninefold.training.pictures import Picture, PictureSet
from ninefold.training.restored import RestoredPictures
from ninefold.training.slot_captions import (
    CAPTIONS_PER_SCENE,
    scene_caption,
    scene_captions,
    thing_captions,
)

WORDS = "text_model.embeddings.token_embedding"
"""Name of the text embedding: rows of the tokenizer's entries, then one for each thing."""
TEXT_LENGTH = 32
POCKET_CLIP = CLIPConfig(
    projection_dim=128,
    image_size=128,
    patch_size=16,
    vision_width=128,
    vision_layers=4,
    vision_heads=4,
    vision_intermediate_size=512,
    vocab_size=2048,
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
MAX_SCENES = 6000
"""Scenes that are learned; more would be composed more often than they are seen."""
MAX_SHIFT = 2
"""Pixels that a picture is moved by at most in each direction."""
INITIAL_STD = 0.02
"""Of the text embedding, as the paper has it."""
MAX_LOGIT_SCALE = float(np.log(100))


class CLIPTask:
    """Contrastive learning (Radford et al. 2021) where pictures of one emoji are all positives."""

    def __init__(
        self,
        pictures: PictureSet,
        table: ThingTable,
        tokenizer: Path,
        restored: RestoredPictures,
        config: CLIPConfig = POCKET_CLIP,
        seed: int = 1,
    ) -> None:
        torch.manual_seed(seed)
        self.pictures, self.restored, self.seed = pictures, restored, seed
        self.num_scenes = min(MAX_SCENES, len(restored.encoded.scenes))
        self._known: dict[tuple[str, int, bool], Picture] = {}
        self.encoder = TextTokenizer.from_folder(tokenizer, config.max_positions)
        self.numbers = {thing.label: number for number, thing in enumerate(table.things)}
        records = pictures.records
        self.things = np.asarray(
            [
                [self._tokens(text, (record.label,)) for text in texts]
                for record, texts in zip(records, thing_captions(pictures), strict=True)
            ],
            np.int32,
        )
        scenes = [pictures.draw_scene(SCENE_SEED, number) for number in range(self.num_scenes)]
        self.scenes = np.asarray(
            [
                [self._tokens(text, scene.things) for text in texts]
                for scene, texts in zip(scenes, scene_captions(scenes, SCENE_SEED), strict=True)
            ],
            np.int32,
        ).reshape(len(scenes), CAPTIONS_PER_SCENE, config.max_positions)
        names = {record.hexcode: number for number, record in enumerate(records)}
        self.kinds = np.asarray([names[record.hexcode] for record in records])
        vocab_size = self.encoder.num_entries + len(table.things)
        self.model = CLIP(replace(config, vocab_size=vocab_size))

    def _tokens(self, text: str, labels: Sequence[str]) -> tuple[int, ...]:
        return self.encoder.encode_named(text, [self.numbers[label] for label in labels]).ids

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Go on from the picture tower of a finished model; texts are learned anew."""
        vision = {name: value.float() for name, value in weights.items() if "vision" in name}
        self.model.load_state_dict(vision, strict=False)

    def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of pictures given texts and of texts given pictures."""
        pixels, ids, kinds = self.batch(step, batch_size)
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
        shown = [self._shown("thing", int(index), draw) for index in things]
        shown += [self._shown("scene", int(number), draw) for number in scenes]
        others = [self._contradiction(int(number), draw) for number in scenes]
        size = self.pictures.size
        shown += [self._reduced(compose(other, self.pictures.find, size)) for other in others]
        texts = [
            self._tokens(scene_caption(other, int(draw.integers(1 << 30)), 0), other.things)
            for other in others
        ]
        tokens = np.concatenate(
            [
                captions[chosen, draw.integers(captions.shape[1], size=len(chosen))]
                for captions, chosen in ((self.things, things), (self.scenes, scenes))
                if len(chosen)
            ]
            + ([np.asarray(texts, np.int32)] if texts else [])
        )
        length = int((tokens != PAD_ID).sum(1).max())
        # Every contradiction is a kind of its own; so is every scene.
        first = len(self.kinds) + self.num_scenes
        apart = np.arange(first, first + num_pairs)
        kinds = np.concatenate([self.kinds[things], len(self.kinds) + scenes, apart])
        return (
            self._moved(to_pixels(np.stack(shown)), draw),
            torch.from_numpy(tokens[:, :length].astype(np.int64)),
            torch.from_numpy(kinds),
        )

    def _shown(self, kind: str, number: int, draw: np.random.Generator) -> Picture:
        """A thing or scene, as it is or as the VQGAN restores it, in the size that is seen."""
        key = (kind, number, bool(draw.random() < RESTORED_SHARE))
        if key not in self._known:
            if key[2]:
                source = self.restored
                picture = source.thing(number) if kind == "thing" else source.scene(number)
            elif kind == "thing":
                picture = self.pictures.single(number)[1]
            else:
                picture = self.pictures.scene(SCENE_SEED, number)[1]
            self._known[key] = self._reduced(picture)
        return self._known[key]

    def _reduced(self, picture: Picture) -> Picture:
        """A picture (H, W, 3) in the size that the network sees."""
        side = (self.model.config.image_size,) * 2
        return np.asarray(Image.fromarray(picture).resize(side, Image.Resampling.BOX))

    def _moved(self, pixels: Tensor, draw: np.random.Generator) -> Tensor:
        """Pictures (B, 3, H, W) of a batch, moved a little together; edges are repeated."""
        top, left = draw.integers(2 * MAX_SHIFT + 1, size=2)
        height, width = pixels.shape[2:]
        padded = F.pad(pixels, (MAX_SHIFT,) * 4, mode="replicate")
        return padded[:, :, top : top + height, left : left + width]

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
    table: ThingTable,
    tokenizer: Path,
    restored: RestoredPictures,
    start: Mapping[str, Tensor] | None = None,
) -> tuple[CLIPTask, TrainConfig]:
    """Return pocket's CLIP task and settings.

    Command: `ninefold train clip`. Half an hour of one core with AVX-512 BF16, of which some goes
    into composing; 71 % of a batch right, contradictions included (docs/LOG.md). With `start`, it
    starts with the picture tower of a finished model.
    """
    config = TrainConfig(
        num_steps=1000,
        batch_size=128,
        learning_rate=1.5e-3,
        muon_learning_rate=0.02,
        warmup_steps=100,
        weight_decay=0.1,
        ema_decay=0.99,
        save_every=100,
        log_every=20,
    )
    task = CLIPTask(pictures, table, tokenizer, restored)
    if start is not None:
        task.start_from(start)
    return task, config
