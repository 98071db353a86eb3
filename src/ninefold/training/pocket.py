"""Pocket from nothing to a model folder: the stages, in order, and the folders between them.

Every stage reads what earlier ones wrote and can be stopped and resumed. A finished model can stand
for the stages that a run has not got. How a network is trained is in `training.recipes`.
"""

import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ninefold.atomic_file import atomic_write
from ninefold.checkpoints.model_folder import ModelConfig, Network, read_config, save_model
from ninefold.checkpoints.model_folder import load_state as load_network
from ninefold.corpus.build import is_built
from ninefold.corpus.lexicon import LEXICON_FILE, read_lexicon
from ninefold.corpus.phrases import build_table
from ninefold.corpus.vocabulary import add_words, train_tokenizer
from ninefold.corpus.wordnet import DEFAULT_FOLDER
from ninefold.errors import CheckpointError, UserError
from ninefold.models.vqgan import VQGAN
from ninefold.text.bpe import TOKENIZER_FILE
from ninefold.text.things import SLOTS, THINGS_FILE, ThingTable
from ninefold.training.captions import save_tokenizer
from ninefold.training.config import TrainConfig
from ninefold.training.encoded import FILE_NAME as CODES_FILE
from ninefold.training.encoded import SCENE_SEED, encode_pictures, read_codes
from ninefold.training.inputs import (
    Inputs,
    hash_corpus,
    hash_files,
    hash_model,
    is_made,
    record_inputs,
)
from ninefold.training.pictures import PictureSet
from ninefold.training.recipes import clip
from ninefold.training.recipes.clip import pocket_clip
from ninefold.training.recipes.dallebart import DalleBartTask, pocket_dallebart
from ninefold.training.recipes.vqgan import CODES_VQGAN, POCKET_VQGAN, SOURCES, pocket_vqgan
from ninefold.training.recipes.vqgan_decoder import pocket_vqgan_decoder
from ninefold.training.restored import RestoredPictures
from ninefold.training.sketches import LENGTH, sketch_things
from ninefold.training.slot_captions import scene_captions, thing_captions
from ninefold.training.state import FILE_NAME
from ninefold.training.task import Task
from ninefold.training.trainer import train

STAGES = (
    "tokenizer",
    "vqgan",
    "codes",
    "dallebart",
    "vqgan-decoder",
    "clip",
    "export",
)
"""In the order of their needs; `vqgan-decoder` and then `clip` may run beside `dallebart`."""

SKETCHES_FILE = "sketches.npy"
"""Beside the codes: the sketch of every picture, as `training.sketches` makes them."""
VOCAB_SIZE = 512
"""Entries of the tokenizer before whole words are added; prompts are read by whole words."""


@dataclass(frozen=True)
class PocketRun:
    """The folder of a run and what is called while it trains."""

    root: Path
    corpus: Path
    should_stop: Callable[[], bool] = lambda: False
    on_log: Callable[[dict[str, float]], None] = lambda _row: None
    num_scenes: int = 16_000
    """Scenes that are encoded and learned beside the pictures of the corpus."""
    start: Path | None = None
    """Folder of a finished model whose networks stand for stages not run."""
    wordnet: Path = DEFAULT_FOLDER
    """Folder of WordNet's files."""

    def __post_init__(self) -> None:
        is_ready = is_built(self.corpus, POCKET_VQGAN.resolution)
        if not is_ready or not (self.corpus / LEXICON_FILE).exists():
            raise UserError(
                f"{self.corpus} holds no corpus of {POCKET_VQGAN.resolution} pixels; run "
                f"`ninefold corpus build --out {self.corpus}` first."
            )

    def train(self, stage: str) -> None:
        """Run one of the `STAGES` before `export`."""
        stages: dict[str, Callable[[], None]] = {
            "tokenizer": self.train_tokenizer,
            "vqgan": self.train_vqgan,
            "codes": self.train_codes,
            "dallebart": self.train_dallebart,
            "vqgan-decoder": self.train_vqgan_decoder,
            "clip": self.train_clip,
        }
        stages[stage]()

    def train_tokenizer(self) -> None:
        """Learn the tokenizer from the captions, and write the table of things beside it."""
        pictures = PictureSet(self.corpus, SOURCES)
        scenes = (pictures.draw_scene(SCENE_SEED, number) for number in range(self.num_scenes))
        captions = thing_captions(pictures) + scene_captions(scenes, SCENE_SEED)
        texts = [text for of_picture in captions for text in of_picture]
        lexicon = read_lexicon(self.corpus / LEXICON_FILE)
        table = build_table(
            pictures.records, lexicon, texts, self.wordnet, LENGTH, pictures.rims().tolist()
        )
        tokenizer = train_tokenizer((f" {text}" for text in texts), VOCAB_SIZE)
        words = [*SLOTS, *sorted(table.words)]
        save_tokenizer(add_words(tokenizer, words), self.root / "tokenizer")
        with atomic_write(self.root / "tokenizer" / THINGS_FILE) as file:
            file.write(table.to_json().encode())

    def train_vqgan(self) -> None:
        """Train encoder, codebook and decoder."""
        self._train("vqgan", pocket_vqgan(self.corpus), self._corpus_inputs)

    def train_codes(self) -> None:
        """Encode things, their sketches and scenes, once, by the trained VQGAN."""
        pictures, vqgan = PictureSet(self.corpus, SOURCES), self.load_vqgan()
        inputs = self._corpus_inputs | self._inputs_of("vqgan")
        path = self.root / "codes" / SKETCHES_FILE
        if not is_made(path, inputs):
            sketches = sketch_things(vqgan, pictures.rgba)
            record_inputs(path, inputs)
            with atomic_write(path) as file:
                np.save(file, sketches)
        encode_pictures(
            vqgan,
            pictures,
            np.load(path),
            self.num_scenes,
            self.root / "codes",
            {**inputs, "scenes": str(self.num_scenes)},
        )

    def train_dallebart(self) -> None:
        """Train the transformer on the codes of the trained VQGAN."""
        made = self._dallebart()
        self._train("dallebart", made, self._corpus_inputs | self._read_inputs)

    def train_vqgan_decoder(self) -> None:
        """Train the decoder that ships, for the codes of the trained VQGAN."""
        pictures = PictureSet(self.corpus, SOURCES)
        made = pocket_vqgan_decoder(pictures, self.load_vqgan())
        self._train("vqgan-decoder", made, self._corpus_inputs | self._inputs_of("vqgan"))

    def train_clip(self) -> None:
        """Train the ranking CLIP."""
        made = pocket_clip(
            PictureSet(self.corpus, SOURCES),
            self._table(),
            self._tokenizer(),
            RestoredPictures(self.load_finished_vqgan(), read_codes(self.root / "codes")),
            None if self.start is None else load_network(self.start, "clip"),
        )
        inputs = self._corpus_inputs | self._read_inputs | self._inputs_of("vqgan-decoder")
        self._train("clip", made, inputs)

    def load_vqgan(self) -> VQGAN:
        """Return the trained VQGAN, without the decoder's own stage."""
        if self.start is not None and self._saved("vqgan") is None:
            vqgan = VQGAN(read_config(self.start).vqgan)
            vqgan.load_state_dict(load_network(self.start, "vqgan"))
        else:
            vqgan = VQGAN(CODES_VQGAN)
            prefix = "vqgan."
            average = self._average("vqgan")
            vqgan.load_state_dict(
                {
                    name.removeprefix(prefix): value
                    for name, value in average.items()
                    if name.startswith(prefix)
                }
            )
        return vqgan

    def load_finished_vqgan(self) -> VQGAN:
        """Return the trained VQGAN with the decoder that ships, or the model's to start from."""
        if self.start is not None and self._saved("vqgan-decoder") is None:
            return self.load_vqgan()
        vqgan = VQGAN(POCKET_VQGAN)
        state = self.load_vqgan().state_dict()
        codes = {name: value for name, value in state.items() if not name.startswith("decoder.")}
        vqgan.load_state_dict({**codes, **self._average("vqgan-decoder")})
        return vqgan

    def export(self, folder: Path) -> ModelConfig:
        """Write the averaged weights of all networks as a model folder, in half precision.

        Args:
            folder: the model's folder; a model that is there is replaced.

        Raises:
            UserError: a stage has not been run.
        """
        task, _ = self._dallebart()
        ranking = self._average("clip")
        networks: dict[Network, dict[str, Tensor]] = {
            "dallebart": self._average("dallebart"),
            "vqgan": self.load_finished_vqgan().state_dict(),
            "clip": ranking,
        }
        config = ModelConfig(
            name="pocket",
            licence="Apache-2.0",
            preset="pocket",
            dallebart=task.model.config,
            vqgan=POCKET_VQGAN,
            clip=replace(clip.POCKET_CLIP, vocab_size=len(ranking[f"{clip.WORDS}.weight"])),
            picture_size=POCKET_VQGAN.resolution,
            has_plain_codes=True,
            has_flat_colours=True,
        )
        files: dict[str, Path | bytes] = {
            name: self._tokenizer() / name for name in (TOKENIZER_FILE, THINGS_FILE)
        }
        return save_model(folder, config, networks, files, dtype=torch.float16, replace=True)

    def _train(self, stage: str, made: tuple[Task, TrainConfig], inputs: Inputs) -> None:
        task, config = made
        train(task, config, self.root / stage, self.should_stop, self.on_log, inputs)

    @cached_property
    def _corpus_inputs(self) -> dict[str, str]:
        return {"corpus": hash_corpus(self.corpus)}

    @property
    def _read_inputs(self) -> dict[str, str]:
        """Of a stage that reads captions and codes."""
        codes, words = self.root / "codes", self._tokenizer()
        return {
            "tokenizer": hash_files([words / TOKENIZER_FILE, words / THINGS_FILE]),
            "codes": hash_files([codes / CODES_FILE, codes / SKETCHES_FILE]),
        }

    def _inputs_of(self, stage: str) -> dict[str, str]:
        """Of a stage that reads an earlier one's network, or that of the model to start from."""
        path = self.root / stage / FILE_NAME
        if path.exists():
            return {stage: hash_files([path])}
        return {} if self.start is None else {"start": hash_model(self.start)}

    def _dallebart(self) -> tuple[DalleBartTask, TrainConfig]:
        codes = self.root / "codes"
        encoded = read_codes(codes)
        return pocket_dallebart(
            PictureSet(self.corpus, SOURCES),
            self._table(),
            self._tokenizer(),
            np.load(codes / SKETCHES_FILE),
            self.load_vqgan(),
            encoded,
        )

    def _table(self) -> ThingTable:
        table = ThingTable.from_folder(self._tokenizer())
        if table is None:
            raise UserError(
                f"{self._tokenizer()} holds no {THINGS_FILE}; run `ninefold train tokenizer` first."
            )
        return table

    def _tokenizer(self) -> Path:
        folder = self.root / "tokenizer"
        if not (folder / TOKENIZER_FILE).exists():
            raise UserError(f"{folder} holds no tokenizer; run `ninefold train tokenizer` first.")
        return folder

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
