"""The parts of a model that the engine draws with, apart from the decoder's backend."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch

from ninefold.checkpoints.load import load_clip, load_vqgan
from ninefold.checkpoints.mapped_file import MappedFile
from ninefold.checkpoints.model_folder import ModelConfig, read_config, weights_file
from ninefold.engine.fast_vqgan import PainterKind, speed_up
from ninefold.generation.params import SamplingParams
from ninefold.painting import Painter
from ninefold.preparation import PreparedPrompt, prepare_prompt
from ninefold.text.reader import ClipReader, PromptReader


@dataclass(frozen=True)
class LoadedModel:
    """Configuration, reader of prompts, painter."""

    config: ModelConfig
    reader: PromptReader
    painter: Painter

    @classmethod
    def load(cls, folder: Path, device: torch.device, kind: PainterKind | None = None) -> Self:
        """Load from a model's folder, with the faster VQGAN of a kind if one is given.

        Raises:
            NativeUnavailableError: that kind cannot run here.
            UserError: the folder holds no model.
            CheckpointError: a file is damaged.
        """
        config = read_config(folder)
        sizes, clip_sizes = config.dallebart, config.clip
        reader = PromptReader(
            folder,
            sizes.max_text_length,
            sizes.encoder_vocab_size,
            has_normalizer=config.normalize_text,
        )
        clip_reader = None
        if clip_sizes is not None:
            clip_reader = ClipReader(
                folder, clip_sizes.max_positions, clip_sizes.vocab_size, reader
            )
        vqgan = load_vqgan(folder, device)
        if kind is not None:
            vqgan = speed_up(vqgan, kind, MappedFile(folder / weights_file("vqgan")).release)
        painter = Painter(config, vqgan, load_clip(folder, device), clip_reader)
        return cls(config, reader, painter)

    def prepare(self, prompt: str, params: SamplingParams) -> PreparedPrompt:
        """Make a prompt ready to be drawn; see `prepare_prompt`."""
        has_clip = self.painter.clip is not None
        return prepare_prompt(self.reader, self.config, prompt, params, has_clip=has_clip)
