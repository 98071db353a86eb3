"""Pocket from nothing to a model folder: the stages, in order, and the folders between them.

Every stage reads what earlier ones wrote and can be stopped and resumed. How a network is trained
is in `training.recipes`.
"""

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ninefold.checkpoints.native import ModelConfig, Network, save_model
from ninefold.corpus.build import is_built, read_records
from ninefold.errors import CheckpointError, UserError
from ninefold.models.vqgan import VQGAN
from ninefold.training.captions import save_tokenizer, write_captions
from ninefold.training.config import TrainConfig
from ninefold.training.recipes.clip import POCKET_CLIP, VOCAB_SIZE, pocket_clip
from ninefold.training.recipes.dallebart import POCKET_DALLEBART, pocket_dallebart
from ninefold.training.recipes.vqgan import POCKET_VQGAN, pocket_vqgan
from ninefold.training.recipes.vqgan_decoder import pocket_vqgan_decoder
from ninefold.training.state import FILE_NAME
from ninefold.training.task import Task
from ninefold.training.trainer import train

STAGES = ("tokenizer", "vqgan", "dallebart", "vqgan-decoder", "clip", "export")
"""In the order of their needs; `vqgan-decoder` and `clip` may run beside `dallebart`."""

PICTURE_SIZE = 256
"""Side in pixels that pocket's 64-pixel pictures are enlarged to when they are delivered."""


@dataclass(frozen=True)
class PocketRun:
    """The folder of a run and what is called while it trains."""

    root: Path
    corpus: Path
    should_stop: Callable[[], bool] = lambda: False
    on_log: Callable[[dict[str, float]], None] = lambda _row: None

    def __post_init__(self) -> None:
        if not is_built(self.corpus, POCKET_VQGAN.resolution):
            raise UserError(
                f"{self.corpus} holds no corpus of {POCKET_VQGAN.resolution} pixels; run "
                f"`ninefold corpus build --out {self.corpus}` first."
            )

    def train_tokenizer(self) -> None:
        """Learn the text tokenizer from the captions."""
        captions = write_captions(read_records(self.corpus), seed=0)
        save_tokenizer(captions, VOCAB_SIZE, self.root / "tokenizer")

    def train_vqgan(self) -> None:
        """Train encoder, codebook and decoder."""
        self._train("vqgan", pocket_vqgan(self.corpus))

    def train_dallebart(self) -> None:
        """Train the transformer on the codes of the trained VQGAN."""
        made = pocket_dallebart(self.corpus, self._tokenizer(), self.load_vqgan())
        self._train("dallebart", made)

    def train_vqgan_decoder(self) -> None:
        """Train the decoder on, for the same codes."""
        self._train("vqgan-decoder", pocket_vqgan_decoder(self.corpus, self.load_vqgan()))

    def train_clip(self) -> None:
        """Train the ranking CLIP."""
        self._train("clip", pocket_clip(self.corpus, self._tokenizer()))

    def load_vqgan(self) -> VQGAN:
        """Return the trained VQGAN, with the finished decoder where there is one."""
        vqgan = VQGAN(POCKET_VQGAN)
        vqgan.load_state_dict(self._vqgan_weights())
        return vqgan

    def export(self, folder: Path) -> ModelConfig:
        """Write the averaged weights of all networks as a model folder, in half precision.

        Args:
            folder: the model's folder; a model that is there is replaced.

        Raises:
            UserError: a stage has not been run.
        """
        networks: dict[Network, dict[str, Tensor]] = {
            "dallebart": self._average("dallebart"),
            "vqgan": {**self._vqgan_weights(), **self._average("vqgan-decoder", is_needed=False)},
            "clip": self._average("clip"),
        }
        config = ModelConfig(
            name="pocket",
            licence="Apache-2.0",
            preset="pocket",
            dallebart=POCKET_DALLEBART,
            vqgan=POCKET_VQGAN,
            clip=POCKET_CLIP,
            picture_size=PICTURE_SIZE,
        )
        files: dict[str, Path | bytes] = {"tokenizer.json": self._tokenizer() / "tokenizer.json"}
        return save_model(folder, config, networks, files, dtype=torch.float16, replace=True)

    def _train(self, stage: str, made: tuple[Task, TrainConfig]) -> None:
        task, config = made
        train(task, config, self.root / stage, self.should_stop, self.on_log)

    def _tokenizer(self) -> Path:
        folder = self.root / "tokenizer"
        if not (folder / "tokenizer.json").exists():
            raise UserError(f"{folder} holds no tokenizer; run `ninefold train tokenizer` first.")
        return folder

    def _vqgan_weights(self) -> dict[str, Tensor]:
        prefix = "vqgan."
        average = self._average("vqgan")
        return {
            name.removeprefix(prefix): value
            for name, value in average.items()
            if name.startswith(prefix)
        }

    def _average(self, stage: str, *, is_needed: bool = True) -> dict[str, Tensor]:
        path = self.root / stage / FILE_NAME
        if not path.exists():
            if not is_needed:
                return {}
            raise UserError(f"{path} is missing; run `ninefold train {stage}` first.")
        try:
            average = torch.load(path, weights_only=True)["average"]
        except (RuntimeError, KeyError, EOFError, pickle.UnpicklingError) as error:
            raise CheckpointError(f"{path} is damaged; remove it and train again.") from error
        return dict(average)
