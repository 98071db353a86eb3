"""Pocket from nothing to a model folder: the stages, in order, and the folders between them.

Every stage reads what earlier ones wrote and can be stopped and resumed. A finished model can stand
for the stages that a run has not got. How a network is trained is in `training.recipes`.
"""

import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from ninefold.checkpoints.native import ModelConfig, Network, save_model
from ninefold.checkpoints.native import load_state as load_network
from ninefold.corpus.build import is_built
from ninefold.corpus.lexicon import LEXICON_FILE, Entry, read_lexicon
from ninefold.corpus.vocabulary import add_words
from ninefold.errors import CheckpointError, UserError
from ninefold.models.clip import CLIP
from ninefold.models.vqgan import VQGAN
from ninefold.text.bpe import TOKENIZER_FILE
from ninefold.training.captions import (
    choose_words,
    learn_tokenizer,
    save_tokenizer,
    write_captions,
    write_scene_captions,
)
from ninefold.training.config import TrainConfig
from ninefold.training.encoded import SCENE_SEED, encode_pictures, read_codes
from ninefold.training.meaning import read_word_vectors, save_word_vectors, tabulate
from ninefold.training.pictures import PictureSet
from ninefold.training.recipes import clip, dallebart
from ninefold.training.recipes.clip import VOCAB_SIZE, halfway, pocket_clip
from ninefold.training.recipes.dallebart import DalleBartTask, pocket_dallebart
from ninefold.training.recipes.dallebart_lessons import second_lesson, third_lesson
from ninefold.training.recipes.vqgan import POCKET_VQGAN, SOURCES, pocket_vqgan
from ninefold.training.recipes.vqgan_decoder import pocket_vqgan_decoder
from ninefold.training.restored import RestoredPictures
from ninefold.training.state import FILE_NAME
from ninefold.training.task import Task
from ninefold.training.trainer import train

STAGES = (
    "tokenizer",
    "vqgan",
    "codes",
    "dallebart",
    "beginnings",
    "anneal",
    "clip",
    "vqgan-decoder",
    "export",
)
"""In the order of their needs; `clip` and then `vqgan-decoder` may run beside `dallebart`."""

PICTURE_SIZE = 256
"""Side in pixels that pocket's 128-pixel pictures are enlarged to when they are delivered."""


@dataclass(frozen=True)
class PocketRun:
    """The folder of a run and what is called while it trains."""

    root: Path
    corpus: Path
    should_stop: Callable[[], bool] = lambda: False
    on_log: Callable[[dict[str, float]], None] = lambda _row: None
    num_scenes: int = 28_000
    """Scenes that are encoded and learned beside the pictures of the corpus."""
    start: Path | None = None
    """Folder of a finished model whose networks and tokenizer stand for stages not run."""

    def __post_init__(self) -> None:
        is_ready = is_built(self.corpus, POCKET_VQGAN.resolution)
        if not is_ready or not (self.corpus / LEXICON_FILE).exists():
            raise UserError(
                f"{self.corpus} holds no corpus of {POCKET_VQGAN.resolution} pixels; run "
                f"`ninefold corpus build --out {self.corpus}` first."
            )

    def train_tokenizer(self) -> None:
        """Learn the text tokenizer from the captions, and look up what its words mean."""
        lexicon = self._lexicon()
        tokenizer = add_words(self._learn_tokenizer(), [entry.word for entry in lexicon])
        save_tokenizer(tokenizer, self.root / "tokenizer")
        save_word_vectors(tokenizer, lexicon, self.root / "tokenizer")

    def _learn_tokenizer(self) -> Tokenizer:
        if self.start is not None:
            return Tokenizer.from_file(str(self.start / TOKENIZER_FILE))
        pictures = PictureSet(self.corpus, SOURCES)
        captions = write_captions(pictures.records, 0, choose_words(self._lexicon()))
        scenes = (pictures.draw_scene(SCENE_SEED, number) for number in range(self.num_scenes))
        captions += write_scene_captions(scenes, SCENE_SEED)
        return learn_tokenizer(captions, VOCAB_SIZE)

    def train_vqgan(self) -> None:
        """Train encoder, codebook and decoder."""
        self._train("vqgan", pocket_vqgan(self.corpus))

    def train_codes(self) -> None:
        """Encode things and scenes, once, by the trained VQGAN."""
        pictures = PictureSet(self.corpus, SOURCES)
        encode_pictures(self.load_vqgan(), pictures, self.num_scenes, self.root / "codes")

    def train_dallebart(self) -> None:
        """Train the transformer on the codes of the trained VQGAN."""
        self._train("dallebart", self._first_lesson())

    def train_beginnings(self) -> None:
        """Train the transformer on, on how pictures begin."""
        start = self._lesson_before("dallebart")
        self._train("beginnings", second_lesson(self._first_lesson()[0], start))

    def train_anneal(self) -> None:
        """Train the transformer on, on whole pictures, at rates that end near nothing."""
        start = self._lesson_before("beginnings")
        self._train("anneal", third_lesson(self._first_lesson()[0], start))

    def train_vqgan_decoder(self) -> None:
        """Train the decoder on, for the same codes, by what the ranking CLIP sees."""
        pictures, vqgan = PictureSet(self.corpus, SOURCES), self.load_vqgan()
        codes = read_codes(self.root / "codes")
        self._train("vqgan-decoder", pocket_vqgan_decoder(pictures, vqgan, codes, self.load_clip()))

    def train_clip(self) -> None:
        """Train the ranking CLIP."""
        made = pocket_clip(
            PictureSet(self.corpus, SOURCES),
            self._lexicon(),
            self._tokenizer(),
            RestoredPictures(self.load_vqgan(), read_codes(self.root / "codes")),
            None if self.start is None else load_network(self.start, "clip"),
        )
        self._train("clip", made)

    def load_vqgan(self) -> VQGAN:
        """Return the trained VQGAN, without the decoder's own stage."""
        vqgan = VQGAN(POCKET_VQGAN)
        vqgan.load_state_dict(self._vqgan_weights())
        return vqgan

    def load_clip(self) -> CLIP:
        """Return the trained ranking CLIP, or that of the model to start from."""
        if self.start is not None and self._saved("clip") is None:
            weights = load_network(self.start, "clip")
        else:
            vectors = read_word_vectors(self._tokenizer())
            weights = tabulate(self._average("clip"), clip.WORDS, vectors)
        model = CLIP(replace(clip.POCKET_CLIP, vocab_size=len(weights[f"{clip.WORDS}.weight"])))
        model.load_state_dict(weights)
        return model

    def export(self, folder: Path) -> ModelConfig:
        """Write the averaged weights of all networks as a model folder, in half precision.

        Of a CLIP that went on from a finished model the mean of both is written.

        Args:
            folder: the model's folder; a model that is there is replaced.

        Raises:
            UserError: a stage has not been run.
        """
        drawing, vectors = self._average("anneal"), read_word_vectors(self._tokenizer())
        ranking = tabulate(self._average("clip"), clip.WORDS, vectors)
        if self.start is not None:
            ranking = halfway(load_network(self.start, "clip"), ranking)
        networks: dict[Network, dict[str, Tensor]] = {
            "dallebart": tabulate(drawing, dallebart.WORDS, vectors),
            "vqgan": {**self._vqgan_weights(), **(self._saved("vqgan-decoder") or {})},
            "clip": ranking,
        }
        config = ModelConfig(
            name="pocket",
            licence="Apache-2.0",
            preset="pocket",
            dallebart=replace(dallebart.POCKET_DALLEBART, encoder_vocab_size=len(vectors)),
            vqgan=POCKET_VQGAN,
            clip=replace(clip.POCKET_CLIP, vocab_size=len(vectors)),
            picture_size=PICTURE_SIZE,
            has_plain_codes=True,
        )
        files: dict[str, Path | bytes] = {TOKENIZER_FILE: self._tokenizer() / TOKENIZER_FILE}
        return save_model(folder, config, networks, files, dtype=torch.float16, replace=True)

    def _train(self, stage: str, made: tuple[Task, TrainConfig]) -> None:
        task, config = made
        train(task, config, self.root / stage, self.should_stop, self.on_log)

    def _first_lesson(self) -> tuple[DalleBartTask, TrainConfig]:
        return pocket_dallebart(
            PictureSet(self.corpus, SOURCES),
            self._lexicon(),
            self._tokenizer(),
            self.load_vqgan(),
            read_codes(self.root / "codes"),
        )

    def _lexicon(self) -> list[Entry]:
        return read_lexicon(self.corpus / LEXICON_FILE)

    def _tokenizer(self) -> Path:
        folder = self.root / "tokenizer"
        if not (folder / TOKENIZER_FILE).exists():
            raise UserError(f"{folder} holds no tokenizer; run `ninefold train tokenizer` first.")
        return folder

    def _vqgan_weights(self) -> dict[str, Tensor]:
        if self.start is not None and self._saved("vqgan") is None:
            return load_network(self.start, "vqgan")
        prefix = "vqgan."
        average = self._average("vqgan")
        return {
            name.removeprefix(prefix): value
            for name, value in average.items()
            if name.startswith(prefix)
        }

    def _lesson_before(self, stage: str) -> dict[str, Tensor]:
        """What the transformer had learned by the end of a stage, or in the model to start from."""
        if self.start is not None and self._saved(stage) is None:
            return load_network(self.start, "dallebart")
        return self._average(stage)

    def _average(self, stage: str) -> dict[str, Tensor]:
        average = self._saved(stage)
        if average is None:
            path = self.root / stage / FILE_NAME
            raise UserError(f"{path} is missing; run `ninefold train {stage}` first.")
        return average

    def _saved(self, stage: str) -> dict[str, Tensor] | None:
        path = self.root / stage / FILE_NAME
        if not path.exists():
            return None
        try:
            average = torch.load(path, weights_only=True)["average"]
        except (RuntimeError, KeyError, EOFError, pickle.UnpicklingError) as error:
            raise CheckpointError(f"{path} is damaged; remove it and train again.") from error
        return dict(average)
