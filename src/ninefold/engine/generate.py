"""One prompt by a backend, for users of the library: `generate` with another decoder.

The same contract as `generation.generate`: groups of nine by index, a report after every step.
"""

import torch
from torch import Tensor

from ninefold.engine.backend import Backend
from ninefold.engine.runner import ImageInput, Runner
from ninefold.errors import CancelledError, NinefoldError
from ninefold.generation.generate import (
    GROUP_SIZE,
    DrawingState,
    OnStep,
    ShouldStop,
    TextInput,
    choose_start_token,
    groups_of,
)
from ninefold.generation.params import SamplingParams
from ninefold.models.dallebart import DalleBartConfig

NUM_SLOTS = GROUP_SIZE
"""Slots that the backend must be built for."""


def generate_with_backend(
    backend: Backend,
    config: DalleBartConfig,
    text: TextInput,
    params: SamplingParams,
    num_codes: int,
    *,
    on_step: OnStep | None = None,
    should_stop: ShouldStop | None = None,
) -> Tensor:
    """Return the codes of the pictures `params.image_indices`; arguments as those of `generate`.

    Raises:
        CancelledError: `should_stop` said so.
        NinefoldError: the model's logits are not finite.
    """
    runner = Runner(backend, num_codes, config.image_length)
    start = choose_start_token(params, config, num_codes)
    groups = groups_of(params.image_indices)
    num_steps = len(groups) * config.image_length
    drawn = []
    for number, indices in enumerate(groups):
        slots = range(len(indices))
        for slot, index in zip(slots, indices, strict=True):
            runner.begin(slot, ImageInput(text, params, index, start))
        for position in range(config.image_length):
            if should_stop is not None and should_stop():
                raise CancelledError("The drawing was cancelled.")
            for failure in runner.run(slots).failures.values():
                raise NinefoldError(failure)
            codes = torch.tensor([runner.codes_of(slot) for slot in slots])
            if on_step is not None:
                step = number * config.image_length + position + 1
                on_step(DrawingState(indices, codes, step, num_steps))
        drawn.append(codes)
        for slot in slots:
            runner.leave(slot)
    return torch.cat(drawn)
