"""How codes are drawn: the plain loop that every faster path must equal, token for token.

One prompt at a time. It knows nothing of words, pixels or files: token ids go in, codes come out.
The model owns one step, this loop owns the steps.

A picture's codes depend on the model, the texts, the settings, the seed and the picture's index,
never on which other pictures are drawn: pictures stand in fixed groups of nine, each in the rows
that belong to its index, and the rows of absent pictures are filled, so that every step has the
same shape (docs/decisions/0002-fixed-groups.md).

Shapes: P pictures of a group, R rows, T text positions, N codes of a picture.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from ninefold.errors import CancelledError, NinefoldError, UserError
from ninefold.generation.params import SamplingParams
from ninefold.generation.sampling import build_uniforms, draw_codes, filter_logits, guide_logits
from ninefold.models.dallebart import DalleBart, DalleBartConfig
from ninefold.models.kv_cache import CrossCache

GROUP_SIZE = 9
"""Pictures that step together; picture `i` is at place `i % 9` of group `i // 9`."""

MIN_ROWS = 16
"""Rows of a step without guidance; with it there are two for each picture of a group, 18."""


@dataclass(frozen=True)
class TextInput:
    """The prompt in V versions, and what guidance leads away from, as token ids.

    Most models read a prompt in one way. One that reads things by sketches reads a design of its
    things in each version, and draws picture i by version i mod V, so that the nine differ.
    """

    tokens: Tensor
    """(V + 1, T) int64: the versions of the prompt, then the empty or negative text."""
    mask: Tensor
    """(V + 1, T) bool: True for tokens, False for padding."""

    @property
    def num_versions(self) -> int:
        """V; a text alone, for drawing without guidance, is one version."""
        return max(1, len(self.tokens) - 1)

    def of_picture(self, image_index: int, *, is_guided: bool) -> tuple[Tensor, Tensor]:
        """Return tokens and mask, (1 or 2, T) each, of what one picture is drawn by.

        That is its version, then, if guided, the empty or negative text.
        """
        rows = [image_index % self.num_versions]
        if is_guided:
            rows.append(self.num_versions)
        return self.tokens[rows], self.mask[rows]


@dataclass(frozen=True)
class DrawingState:
    """The pictures of one group after a step."""

    image_indices: tuple[int, ...]
    codes: Tensor
    """(len(image_indices), t) int64 on the CPU: all codes so far, 1 ≤ t ≤ N."""
    step: int
    """Steps done, those of finished groups included."""
    num_steps: int
    """Steps of the whole drawing."""


OnStep = Callable[[DrawingState], None]
ShouldStop = Callable[[], bool]


def generate(
    model: DalleBart,
    text: TextInput,
    params: SamplingParams,
    num_codes: int,
    *,
    first_codes: Mapping[int, Sequence[int]] | None = None,
    on_step: OnStep | None = None,
    should_stop: ShouldStop | None = None,
) -> Tensor:
    """Return the codes of the pictures `params.image_indices`.

    Args:
        model: in evaluation mode.
        text: its last row is not read where `params.condition_scale` is 1.
        params: which pictures, and how each code is drawn. The negative prompt is already in
            `text`; `count`, `rank` and `seamless` are for the caller to act on.
        num_codes: size of the codebook; logits beyond it are never drawn.
        first_codes: by picture index, the first codes of an earlier drawing from the same model,
            text and settings. They are taken as drawn, and the rest follows as it would have.
        on_step: called after every step.
        should_stop: asked before every step.

    Returns:
        (len(params.image_indices), N) int64 on the CPU, in the order of the indices.

    Raises:
        CancelledError: `should_stop` said so.
        UserError: `first_codes` cannot be the first codes of these pictures.
        NinefoldError: the model's logits are not finite.
    """
    length = model.config.image_length
    known = read_first_codes(first_codes or {}, params, num_codes, length)
    groups = groups_of(params.image_indices)
    drawn = []
    with torch.inference_mode():
        prompts = _read_texts(model, text, params.is_guided)
        for number, indices in enumerate(groups):
            group = _Group(model, prompts, text.num_versions, params, num_codes, indices)
            given = known[[index - params.first_image for index in indices]]
            for position in range(length):
                if should_stop is not None and should_stop():
                    raise CancelledError("The drawing was cancelled.")
                group.step(given[:, position])
                if on_step is not None:
                    step = number * length + position + 1
                    on_step(DrawingState(indices, group.codes, step, len(groups) * length))
            drawn.append(group.codes)
    return torch.cat(drawn)


def groups_of(image_indices: range) -> list[tuple[int, ...]]:
    """Return the indices of each group that has pictures among these."""
    return [tuple(group) for _, group in groupby(image_indices, lambda index: index // GROUP_SIZE)]


def choose_start_token(params: SamplingParams, config: DalleBartConfig, num_codes: int) -> int:
    """Return the token that a picture starts from: the model's own, or min-dalle's last code."""
    if params.dialect == "min-dalle":
        return num_codes - 1
    return config.decoder_start_token_id


def read_first_codes(
    first_codes: Mapping[int, Sequence[int]], params: SamplingParams, num_codes: int, length: int
) -> Tensor:
    """Return (num_drawn, N) with the codes that are given, and -1 elsewhere.

    Raises:
        UserError: they cannot be the first codes of these pictures.
    """
    known = torch.full((params.num_drawn, length), -1)
    for index, codes in first_codes.items():
        if index not in params.image_indices:
            raise UserError(f"Codes of picture {index} were given, but it is not to be drawn.")
        if len(codes) > length or not all(0 <= code < num_codes for code in codes):
            raise UserError(
                f"The codes given for picture {index} are not this model's: at most {length}, "
                f"each from 0 to {num_codes - 1}."
            )
        known[index - params.first_image, : len(codes)] = torch.tensor(codes, dtype=torch.int64)
    return known


class _Group:
    """The pictures of one group and the rows that they step in.

    With guidance the first nine rows are conditional, the next nine unconditional; without it nine
    rows are followed by some that nobody reads.
    """

    def __init__(
        self,
        model: DalleBart,
        prompts: CrossCache,
        num_versions: int,
        params: SamplingParams,
        num_codes: int,
        indices: tuple[int, ...],
    ) -> None:
        self.model, self.prompts, self.params, self.num_codes = model, prompts, params, num_codes
        self.places = [index % GROUP_SIZE for index in indices]
        self.codes = torch.empty(len(indices), 0, dtype=torch.int64)
        numbers = [
            build_uniforms(params.seed, index, model.config.image_length) for index in indices
        ]
        self.uniforms = torch.from_numpy(np.stack(numbers))  # (P, N)
        num_rows = 2 * GROUP_SIZE if params.is_guided else MIN_ROWS
        self.cache = model.build_cache(num_rows)
        self.tokens = torch.full((num_rows,), choose_start_token(params, model.config, num_codes))
        self.prompt_of_row = torch.zeros(num_rows, dtype=torch.int64)
        for place, index in zip(self.places, indices, strict=True):
            self.prompt_of_row[place] = index % num_versions
        if params.is_guided:
            self.prompt_of_row[GROUP_SIZE:] = num_versions

    def step(self, given: Tensor) -> None:
        """Draw the next code of each picture, or take it from `given` (P,) where that is ≥ 0."""
        position = self.codes.shape[1]
        params = self.params
        distribution = filter_logits(
            self._guided_logits(position), params.temperature, params.top_k, params.top_p
        )
        column = draw_codes(distribution, self.uniforms[:, position])
        column = torch.where(given >= 0, given, column)
        self.codes = torch.cat([self.codes, column[:, None]], dim=1)
        self.tokens[self.places] = column
        if params.is_guided:
            self.tokens[GROUP_SIZE:] = self.tokens[:GROUP_SIZE]

    def _guided_logits(self, position: int) -> Tensor:
        """Run the model for all rows and return (P, num_codes) float32 on the CPU."""
        device = self.model.lm_head.weight.device
        positions = torch.full_like(self.tokens, position)
        logits = self.model.step(
            self.tokens.to(device),
            positions.to(device),
            self.cache,
            self.prompts,
            self.prompt_of_row.to(device),
        ).to("cpu", torch.float32)
        unconditional = logits[GROUP_SIZE:][self.places] if self.params.is_guided else None
        guided = guide_logits(
            logits[self.places], unconditional, self.params.condition_scale, self.num_codes
        )
        if not bool(guided.isfinite().all()):
            raise NinefoldError(
                "The model gave logits that are no numbers; draw in float32, and if it happens "
                "there too, check the model's files with `ninefold verify`."
            )
        return guided


def _read_texts(model: DalleBart, text: TextInput, is_guided: bool) -> CrossCache:
    """Encode each text alone, so that one does not depend on the other's being there."""
    device = model.lm_head.weight.device
    num_texts = text.num_versions + is_guided
    tokens, mask = text.tokens[:num_texts].to(device), text.mask[:num_texts].to(device)
    states = [model.encode(tokens[i : i + 1], mask[i : i + 1]) for i in range(num_texts)]
    return model.build_cross_cache(torch.cat(states), mask)
