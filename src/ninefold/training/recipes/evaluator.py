"""Recipe: the evaluator, which judges what pocket draws and has no part in drawing it.

A CLIP of its own shape, start, tokenizer, captions and pictures' versions, apart from the one that
ranks. It sees real pictures only: single things, of which one picture in ten is held out
(`corpus.held_out_pictures`), and scenes composed of the others. Half of the scenes of a batch are
contrasts of the other half, so that it has to see more than which things are there.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ninefold.corpus.build import Record, read_records
from ninefold.corpus.contrasts import contrasts
from ninefold.corpus.held_out_pictures import is_held_out_picture
from ninefold.corpus.plain_captions import vary_caption
from ninefold.corpus.render import flatten
from ninefold.corpus.scenes.compose import compose
from ninefold.corpus.scenes.grammar import draw_scene
from ninefold.corpus.scenes.things import COMMON
from ninefold.models.clip import CLIP, CLIPConfig
from ninefold.text import TextNormalizer, TextTokenizer
from ninefold.text.encoded import EOS_ID, PAD_ID
from ninefold.training.captions import learn_tokenizer, save_tokenizer, tokenize, write_captions
from ninefold.training.config import TrainConfig
from ninefold.training.pictures import PictureSet

CAPTION_SEED = 77_000
"""Not that of pocket's captions."""
VOCAB_SIZE = 4096
EVALUATOR_CLIP = CLIPConfig(
    projection_dim=128,
    image_size=64,
    patch_size=8,
    vision_width=160,
    vision_layers=4,
    vision_heads=5,
    vision_intermediate_size=640,
    vocab_size=VOCAB_SIZE,
    max_positions=40,
    text_width=128,
    text_layers=2,
    text_heads=4,
    text_intermediate_size=512,
    activation="gelu",
    eos_token_id=EOS_ID,
    image_mean=(0.75, 0.7, 0.65),
    image_std=(0.3, 0.3, 0.35),
)
MAX_LOGIT_SCALE = float(np.log(100))
MAX_SHIFT = 4
"""Pixels of 64 that a picture is moved by at most in each direction."""
SOFTENED = 0.3
"""Share of pictures that are made half as sharp, so that blur alone makes no picture unreadable."""
COLOURED = 0.3
"""Share of single things that are laid on a plain colour instead of white."""
SCENES = 0.5
"""Share of a batch that are scenes, where the corpus has the things that scenes are made of."""
SCENE_SEED = 88_000
FEWEST = 50
"""Things of scenes that every set must have; a corpus with fewer is learned without scenes."""


@dataclass(frozen=True)
class LabelledPicture:
    """A picture with its caption."""

    picture: NDArray[np.uint8]
    """(S, S, 3)"""
    tokens: NDArray[np.int32]
    kind: Hashable
    """What it shows: samples of one kind are positives of each other."""


class SceneStream:
    """Scenes of the given pictures, by number; each with one that contradicts its caption."""

    def __init__(self, records: Sequence[Record], rgba: NDArray[np.uint8]) -> None:
        """`rgba`: (P, S, S, 4), a picture for each record."""
        self.rgba = rgba
        self.places = {(r.source, r.label): number for number, r in enumerate(records)}
        self.labels: dict[str, set[str]] = {}
        for record in records:
            self.labels.setdefault(record.source, set()).add(record.label)
        self.has_any = all(len(names & set(COMMON)) >= FEWEST for names in self.labels.values())

    def batch(
        self,
        step: int,
        num_pairs: int,
        draw: np.random.Generator,
        read: Callable[[str], NDArray[np.int32]],
    ) -> list[LabelledPicture]:
        """Return the scenes of a step and a contrast of each, where there is one."""
        samples = []
        for number in range(num_pairs):
            scene = draw_scene(SCENE_SEED, step * num_pairs + number, self.labels)
            others = contrasts(scene)
            other = others[int(draw.integers(len(others)))] if others else scene
            for shown in (scene, other):
                picture = compose(shown, self._find, self.rgba.shape[1])
                caption = read(vary_caption(shown, draw))
                samples.append(LabelledPicture(picture, caption, replace(shown, source="")))
        return samples

    def captions(self, count: int) -> list[str]:
        """Return captions of the first scenes, for a tokenizer to learn their words from."""
        draw = np.random.Generator(np.random.Philox(key=[SCENE_SEED, 0]))
        numbers = range(count if self.has_any else 0)
        return [vary_caption(draw_scene(SCENE_SEED, n, self.labels), draw) for n in numbers]

    def _find(self, source: str, label: str) -> NDArray[np.uint8]:
        return np.asarray(self.rgba[self.places[source, label]])


def learn_words(corpus: Path, folder: Path) -> None:
    """Learn the evaluator's tokenizer from captions of things and scenes; write it to `folder`."""
    records = read_records(corpus)
    captions = write_captions(records, CAPTION_SEED)
    normalize = TextNormalizer()
    rgba = np.load(corpus / "pictures.npy", mmap_mode="r")
    scenes = [normalize(text) for text in SceneStream(records, rgba).captions(20_000)]
    save_tokenizer(learn_tokenizer([*captions, scenes], VOCAB_SIZE), folder)


class EvaluatorTask:
    """Contrastive learning (Radford et al. 2021) where pictures of one thing are all positives."""

    def __init__(
        self, corpus: Path, tokenizer: Path, config: CLIPConfig = EVALUATOR_CLIP, seed: int = 11
    ) -> None:
        torch.manual_seed(seed)
        pictures = PictureSet(corpus)
        seen = [
            number
            for number, record in enumerate(pictures.records)
            if not is_held_out_picture(record.source, record.hexcode)
        ]
        self.records = records = [pictures.records[number] for number in seen]
        self.rgba = np.stack([_shrink(pictures.rgba[n], config.image_size) for n in seen])
        self.tokenizer = TextTokenizer.from_folder(tokenizer, config.max_positions)
        self.captions = tokenize(write_captions(records, CAPTION_SEED), self.tokenizer)
        self.normalize = TextNormalizer()
        self.scenes = SceneStream(records, self.rgba)
        self.seed = seed
        self.model = CLIP(config)

    def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of pictures given texts and of texts given pictures."""
        draw = np.random.Generator(np.random.Philox(key=[self.seed, step]))
        num_pairs = int(batch_size * SCENES / 2) if self.scenes.has_any else 0
        things = self._things(batch_size - 2 * num_pairs, draw)
        samples = things + self.scenes.batch(step, num_pairs, draw, self._read)
        crops = np.stack([soften(sample.picture, draw) for sample in samples])
        pixels = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
        tokens = np.stack([sample.tokens for sample in samples])
        length = int((tokens != PAD_ID).sum(1).max())
        ids = torch.from_numpy(tokens[:, :length].astype(np.int64))
        by_image, by_text = self.model(self.model.normalize(pixels), ids)
        kinds = [sample.kind for sample in samples]
        numbers = torch.tensor([kinds.index(kind) for kind in kinds])
        target = (numbers[:, None] == numbers).float()
        target /= target.sum(1, keepdim=True)
        loss = (F.cross_entropy(by_image, target) + F.cross_entropy(by_text, target)) / 2
        right = (numbers[by_image.argmax(1)] == numbers).float()
        metrics = {"retrieval": float(right[: len(things)].mean())}
        if num_pairs:
            metrics["scenes"] = float(right[len(things) :].mean())
        return loss, metrics

    def _things(self, count: int, draw: np.random.Generator) -> list[LabelledPicture]:
        indices = draw.choice(len(self.rgba), count, replace=len(self.rgba) < count)
        chosen = draw.integers(self.captions.shape[1], size=count)
        return [
            LabelledPicture(vary(self.rgba[i], draw), self.captions[i, n], self.records[i].hexcode)
            for i, n in zip(indices, chosen, strict=True)
        ]

    def _read(self, caption: str) -> NDArray[np.int32]:
        return np.asarray(self.tokenizer.encode(self.normalize(caption)).ids, np.int32)

    def after_step(self, step: int) -> None:  # noqa: ARG002 - part of the Task protocol
        """Keep the temperature in its bounds, as the paper does."""
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, MAX_LOGIT_SCALE)

    def sample(self, average: dict[str, Tensor]) -> None:
        """An evaluator draws nothing."""


def evaluator_recipe(corpus: Path, tokenizer: Path) -> tuple[EvaluatorTask, TrainConfig]:
    """Return the evaluator's task and settings.

    Command: `ninefold train evaluator`. An hour of a busy core; single things that it never saw are
    told among a hundred captions for 47 %, coloured ones for 49 % (docs/LOG.md).
    """
    config = TrainConfig(
        num_steps=1700,
        batch_size=128,
        learning_rate=1.2e-3,
        warmup_steps=150,
        weight_decay=0.1,
        ema_decay=0.998,
        save_every=100,
        log_every=25,
    )
    return EvaluatorTask(corpus, tokenizer), config


def vary(rgba: NDArray[np.uint8], draw: np.random.Generator) -> NDArray[np.uint8]:
    """Show an RGBA picture (H, W, 4) as one of its versions, RGB: moved, mirrored, on a colour."""
    side = len(rgba)
    if draw.random() < 1 / 2:
        rgba = rgba[:, ::-1]
    padded = np.pad(rgba, ((MAX_SHIFT,) * 2, (MAX_SHIFT,) * 2, (0, 0)))
    top, left = draw.integers(0, 2 * MAX_SHIFT + 1, size=2)
    is_coloured = draw.random() < COLOURED
    red, green, blue = draw.integers(0, 256, size=3) if is_coloured else (255, 255, 255)
    return flatten(padded[top : top + side, left : left + side], (int(red), int(green), int(blue)))


def soften(shown: NDArray[np.uint8], draw: np.random.Generator) -> NDArray[np.uint8]:
    """Take half of the sharpness of some pictures (H, W, 3)."""
    if draw.random() >= SOFTENED:
        return shown
    side = len(shown)
    half = Image.fromarray(shown).resize((side // 2, side // 2), Image.Resampling.BOX)
    return np.asarray(half.resize((side, side), Image.Resampling.BICUBIC))


def _shrink(rgba: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Bring an RGBA picture to a size; premultiplied, so that edges keep their colour."""
    if len(rgba) == side:
        return np.asarray(rgba)
    image = Image.fromarray(np.ascontiguousarray(rgba)).convert("RGBa")
    return np.asarray(image.resize((side, side), Image.Resampling.LANCZOS).convert("RGBA"))
