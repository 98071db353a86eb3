"""What a model drew before it was taught something new, so that it does not forget it.

Teaching a few pictures alone makes a model draw them whatever it is asked for. Its own earlier
drawings, learned beside them, hold it in place: the prior preservation of Ruiz et al.,
"DreamBooth: Fine Tuning Text-to-Image Diffusion Models for Subject-Driven Generation" (2023).
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ninefold.atomic_file import atomic_write
from ninefold.data.token_dataset import TokenDataset
from ninefold.errors import CheckpointError
from ninefold.generation.generate import TextInput, generate
from ninefold.generation.params import SamplingParams
from ninefold.models.dallebart import DalleBart
from ninefold.text.reader import PromptReader
from ninefold.training.inputs import Inputs, hash_values, is_made, record_inputs

FILE_NAME = "rehearsal.npy"
REHEARSED = (
    "an apple", "a banana", "a pizza", "a cake", "a cat", "a dog", "a horse", "a cow", "a bird",
    "a fish", "a frog", "an octopus", "a snake", "an elephant", "a lion", "a rabbit", "a butterfly",
    "a tree", "a flower", "a cactus", "the sun", "the moon", "a star", "a cloud", "a mountain",
    "a volcano", "a house", "a castle", "a car", "a bus", "a train", "a bicycle", "an airplane",
    "a rocket", "a ship", "a robot", "a ghost", "a wizard", "a man", "a woman", "a child",
    "a smiling face", "a hat", "a crown", "a guitar", "a book", "a computer", "an umbrella",
)  # fmt: skip
"""Prompts whose drawings are kept: common things of every kind."""
PICTURES = 9
"""Of each prompt."""


def rehearse(
    model: DalleBart,
    reader: PromptReader,
    params: SamplingParams,
    num_codes: int,
    folder: Path,
    inputs: Inputs,
) -> TokenDataset:
    """Return drawings of `REHEARSED`, drawn once and then read from `folder`.

    Args:
        model: before it is taught.
        reader: of the model.
        params: the model's own; seed and count are set here.
        num_codes: size of the codebook.
        folder: of the run.
        inputs: hashes of what `model`, `reader` and `num_codes` come from.

    Raises:
        UserError: `folder` holds drawings of another model, or of other prompts.
        CheckpointError: they are damaged.
    """
    read = [reader.read(prompt) for prompt in REHEARSED]
    path = folder / FILE_NAME
    values = {**params.to_dict(), "seed": 1, "count": PICTURES, "candidates": None}
    made_from = {**inputs, "prompts": hash_values(REHEARSED), "sampling": hash_values(values)}
    if not is_made(path, made_from):
        settings = SamplingParams.from_dict(values)
        rows = []
        for text in read:
            pair = (text.prompt, text.unconditional)
            tokens, mask = (torch.tensor([getattr(t, n) for t in pair]) for n in ("ids", "mask"))
            rows.append(generate(model, TextInput(tokens, mask), settings, num_codes).numpy())
        record_inputs(path, made_from)
        _save(np.stack(rows).astype(np.int32), path)
    codes = _load(path)
    texts = np.asarray([[text.prompt.ids] for text in read], np.int32)
    return TokenDataset(texts, codes, np.asarray(read[0].unconditional.ids, np.int32))


def _load(path: Path) -> NDArray[np.int32]:
    try:
        codes: NDArray[np.int32] = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise CheckpointError(f"{path} is damaged; remove it to draw it again.") from error
    return codes


def _save(codes: NDArray[np.int32], path: Path) -> None:
    with atomic_write(path) as file:
        np.save(file, codes)
