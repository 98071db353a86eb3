"""Runs one step: rows from slots, guidance, the draw. Knows nothing of requests or of time.

Every slot has settings, random numbers and texts of its own. Slots with the same settings are drawn
from together, by the functions of `generation.sampling`, so that there is one description of
how a code is drawn.

Shapes: S slots that step, R rows, N codes of a picture.
"""

import logging
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import torch
from torch import Tensor

from ninefold.engine.backend import Backend, Rows
from ninefold.engine.selection import Guidance
from ninefold.engine.step import StepResult
from ninefold.engine.text_table import TextTable
from ninefold.generation.generate import TextInput
from ninefold.generation.params import SamplingParams
from ninefold.generation.sampling import build_uniforms, draw_codes, weigh_codes

logger = logging.getLogger(__name__)

NOT_DRAWN = "A picture could not be drawn with these settings; try others."
"""What the owner of a picture is told whose code could not be drawn."""

NOT_FINITE = (
    "The model gave logits that are no numbers; draw in float32, and if it happens there too, "
    "check the model's files with `ninefold verify`."
)

_TextKey = tuple[tuple[int, ...], tuple[bool, ...]]


@dataclass(frozen=True)
class ImageInput:
    """All that decides the codes of one picture."""

    text: TextInput
    params: SamplingParams
    image_index: int
    start_token: int
    first_codes: Sequence[int] = ()
    """Taken as drawn."""


class _SlotState:
    """A picture that is being drawn."""

    def __init__(self, image: ImageInput, length: int, texts: dict[int, _TextKey]) -> None:
        self.image = image
        self.uniforms = torch.from_numpy(
            build_uniforms(image.params.seed, image.image_index, length)
        )
        self.texts = texts
        """By entry, conditional first."""
        self.token = image.start_token
        self.codes: list[int] = []

    def take(self, drawn: int) -> int:
        """Count a code that was drawn, or the one that was given in its place."""
        given = self.image.first_codes
        code = given[len(self.codes)] if len(self.codes) < len(given) else drawn
        self.codes.append(code)
        self.token = code
        return code


class Runner:
    """The slots of one model."""

    def __init__(self, backend: Backend, num_codes: int, image_length: int) -> None:
        self.backend, self.num_codes, self.image_length = backend, num_codes, image_length
        self._slots: dict[int, _SlotState] = {}
        self._texts = TextTable(backend.num_texts)

    def begin(self, slot: int, image: ImageInput) -> None:
        """Start a picture in a slot that is free."""
        assert slot not in self._slots, "the slot is busy"
        read = image.text.of_picture(image.image_index, is_guided=image.params.is_guided)
        texts: dict[int, _TextKey] = {}
        for tokens, mask in zip(*read, strict=True):
            key = (tuple(tokens.tolist()), tuple(mask.tolist()))
            entry = self._hold(key, tokens, mask)
            if entry in texts:  # the negative prompt is the prompt
                self._texts.release(key)
            texts[entry] = key
        self._slots[slot] = _SlotState(image, self.image_length, texts)

    def leave(self, slot: int) -> None:
        """Forget a picture; nothing happens if the slot is free."""
        state = self._slots.pop(slot, None)
        for key in state.texts.values() if state else ():
            self._texts.release(key)

    def codes_of(self, slot: int) -> tuple[int, ...]:
        """Return the codes of a slot so far."""
        return tuple(self._slots[slot].codes)

    def run(self, slots: Sequence[int]) -> StepResult:
        """Draw the next code of each of these slots."""
        if not slots:
            return StepResult()
        logits = self.backend.step(self._rows(slots))
        groups: dict[tuple[float, float, int, float], list[tuple[int, int]]] = {}
        row = 0
        for slot in slots:
            params = self._slots[slot].image.params
            key = (params.condition_scale, params.temperature, params.top_k, params.top_p)
            groups.setdefault(key, []).append((slot, row))
            row += 2 if params.is_guided else 1
        codes: dict[int, int] = {}
        failures: dict[int, str] = {}
        for members in groups.values():
            try:
                self._draw(logits, members, codes, failures)
            except Exception:  # settings that cannot be drawn with end their own pictures alone
                logger.exception("A code could not be drawn")
                for slot, _ in members:
                    codes.pop(slot, None)
                    failures[slot] = NOT_DRAWN
        return StepResult(codes, failures)

    def check_integrity(self, busy: AbstractSet[int]) -> None:
        """Check that exactly the busy slots hold pictures, and those their texts."""
        assert set(self._slots) == set(busy), "a picture without a slot"
        self._texts.check_integrity()

    def _hold(self, key: _TextKey, tokens: Tensor, mask: Tensor) -> int:
        entry, is_new = self._texts.acquire(key)
        if is_new:
            try:
                self.backend.read_text(entry, tokens, mask)
            except BaseException:
                self._texts.forget(key)
                raise
        return entry

    def _rows(self, slots: Sequence[int]) -> Rows:
        rows: list[tuple[int, int, int, int]] = []
        for slot in slots:
            state = self._slots[slot]
            entries = list(state.texts)
            num_rows = 2 if state.image.params.is_guided else 1
            for number in range(num_rows):
                entry = entries[min(number, len(entries) - 1)]
                rows.append((2 * slot + number, state.token, len(state.codes), entry))
        return Rows(*torch.tensor(rows).T.contiguous())

    def _draw(
        self,
        logits: Tensor,
        members: list[tuple[int, int]],
        codes: dict[int, int],
        failures: dict[int, str],
    ) -> None:
        """Draw a code for slots that have the same settings; `members` are (slot, first row)."""
        states = [self._slots[slot] for slot, _ in members]
        params = states[0].image.params
        rows = torch.tensor([row for _, row in members])
        guidance = Guidance(params.condition_scale, params.is_guided, params.top_k, self.num_codes)
        kept = self.backend.select(logits, rows, guidance)
        failures.update(
            (slot, NOT_FINITE)
            for (slot, _), is_finite in zip(members, kept.is_finite.tolist(), strict=True)
            if not is_finite
        )
        distribution = weigh_codes(kept.codes, kept.logits, params.temperature, params.top_p)
        uniforms = torch.stack([state.uniforms[len(state.codes)] for state in states])
        for (slot, _), state, code in zip(
            members, states, draw_codes(distribution, uniforms).tolist(), strict=True
        ):
            if slot not in failures:
                codes[slot] = state.take(code)
