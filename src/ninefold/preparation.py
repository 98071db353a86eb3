"""From what a person asks for to what a model draws: cleaned texts, token ids, checked settings.

Shared by everything that draws (the library's `TextToImage`, the engine), so that a prompt is read
and a setting refused in the same words everywhere.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ninefold.checkpoints.model_folder import ModelConfig
from ninefold.errors import UserError
from ninefold.generation.generate import TextInput
from ninefold.generation.params import SamplingParams, complete, get_preset
from ninefold.text import EncodedText
from ninefold.text.prompt import clean_prompt
from ninefold.text.reader import PromptReader


@dataclass(frozen=True)
class PreparedPrompt:
    """A prompt that is ready to be drawn."""

    prompt: str
    """Without control characters."""
    params: SamplingParams
    """Nothing is left out, and the negative prompt is cleaned in the same way."""
    text: TextInput
    notices: tuple[str, ...]
    """What a person should know, such as that the prompt was cut; one sentence each."""


def prepare_prompt(
    reader: PromptReader,
    config: ModelConfig,
    prompt: str,
    params: SamplingParams,
    *,
    has_clip: bool,
) -> PreparedPrompt:
    """Clean and read a prompt, complete the settings, and check that the model can draw by them.

    Raises:
        UserError: the prompt is blank or too long, or the model cannot draw by these settings.
    """
    cleaned = clean_prompt(prompt)
    notices = cleaned.notices
    if params.negative_prompt:
        negative = clean_prompt(params.negative_prompt, "The negative prompt", may_be_empty=True)
        params = dataclasses.replace(params, negative_prompt=negative.text)
        notices += negative.notices
    completed = complete(params, get_preset(config.preset))
    params, notices = completed.params, notices + completed.notices
    if not has_clip:
        notices += _check_ranking(config.name, params)
    read = reader.read(cleaned.text, params.negative_prompt, params.dialect)
    text = _text_input((*read.versions, read.unconditional))
    return PreparedPrompt(cleaned.text, params, text, notices + read.notices)


def _check_ranking(name: str, params: SamplingParams) -> tuple[str, ...]:
    if not params.rank or params.num_drawn == 1 or params.seamless:
        return ()
    if params.num_drawn > params.count:
        raise UserError(
            f"Choosing among candidates needs a CLIP, and model {name!r} has none; "
            "leave the candidates out."
        )
    return (f"Model {name!r} has no CLIP, so its pictures are not ranked.",)


def _text_input(texts: Sequence[EncodedText]) -> TextInput:
    return TextInput(
        torch.tensor([text.ids for text in texts]), torch.tensor([text.mask for text in texts])
    )
