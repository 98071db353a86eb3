"""Laws of the loop: what a picture depends on, what it does not, and how it is interrupted."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ninefold.errors import CancelledError, NinefoldError, UserError
from ninefold.generation.generate import (
    GROUP_SIZE,
    DrawingState,
    TextInput,
    choose_start_token,
    generate,
)
from ninefold.generation.params import SamplingParams
from ninefold.models.dallebart import DalleBart, DalleBartConfig
from ninefold.models.kv_cache import CrossCache, KVCache
from tests.tiny import DALLEBART, build_dallebart, randomize

NUM_CODES = 64
PARAMS = SamplingParams(seed=11, count=9, condition_scale=2.0, top_k=20)


def text_of(*ids: int, negative: tuple[int, ...] = ()) -> TextInput:
    rows = [[0, *words, 2] for words in (ids, negative)]
    padded = [row + [1] * (DALLEBART.max_text_length - len(row)) for row in rows]
    tokens = torch.tensor(padded)
    return TextInput(tokens, tokens != 1)


TEXT = text_of(40, 41, 42)


@pytest.fixture(scope="module")
def model() -> DalleBart:
    return build_dallebart()


class RecordingBart(DalleBart):
    """Keeps the logits of every step."""

    def __init__(self, config: DalleBartConfig) -> None:
        super().__init__(config)
        self.logits: list[Tensor] = []

    def step(
        self,
        image_tokens: Tensor,
        positions: Tensor,
        cache: KVCache,
        cross: CrossCache,
        prompt_of_row: Tensor,
    ) -> Tensor:
        self.logits.append(super().step(image_tokens, positions, cache, cross, prompt_of_row))
        return self.logits[-1]


def draw(model: DalleBart, params: SamplingParams = PARAMS, text: TextInput = TEXT) -> Tensor:
    return generate(model, text, params, NUM_CODES)


def replace(params: SamplingParams = PARAMS, **changes: Any) -> SamplingParams:
    return dataclasses.replace(params, **changes)


def test_the_same_seed_draws_the_same_pictures(model: DalleBart) -> None:
    first = draw(model)
    assert first.shape == (9, 16)
    assert torch.equal(first, draw(model))


def test_every_picture_and_every_seed_differs(model: DalleBart) -> None:
    pictures = [*draw(model).tolist(), *draw(model, replace(seed=12)).tolist()]
    assert len({tuple(codes) for codes in pictures}) == 18


def test_a_picture_depends_on_the_prompt(model: DalleBart) -> None:
    assert not torch.equal(draw(model), draw(model, text=text_of(40, 41, 43)))


def test_a_negative_text_leads_the_pictures_elsewhere(model: DalleBart) -> None:
    assert not torch.equal(draw(model), draw(model, text=text_of(40, 41, 42, negative=(50,))))


def test_without_guidance_the_second_text_is_not_read(model: DalleBart) -> None:
    params = replace(condition_scale=1.0)
    expected = draw(model, params)
    assert torch.equal(draw(model, params, text_of(40, 41, 42, negative=(50,))), expected)
    only_prompt = TextInput(TEXT.tokens[:1], TEXT.mask[:1])
    assert torch.equal(draw(model, params, only_prompt), expected)


@pytest.mark.parametrize("condition_scale", [1.0, 3.0])
def test_picture_five_of_nine_is_the_same_alone(model: DalleBart, condition_scale: float) -> None:
    nine = replace(condition_scale=condition_scale)
    alone = draw(model, nine.for_picture(4))
    assert torch.equal(alone[0], draw(model, nine)[4])


@pytest.fixture(scope="module")
def whole(model: DalleBart) -> Tensor:
    return draw(model, replace(count=30))


@settings(max_examples=8)
@given(first=st.integers(0, 29), count=st.integers(1, 20))
def test_any_part_of_a_drawing_is_the_same_alone(
    model: DalleBart, whole: Tensor, first: int, count: int
) -> None:
    count = min(count, 30 - first)
    part = draw(model, replace(first_image=first, count=count))
    assert torch.equal(part, whole[first : first + count])


@pytest.mark.parametrize("width", [32, 64, 96])
@pytest.mark.parametrize(
    ("company", "alone"),
    [
        (PARAMS, replace(first_image=4, count=1)),
        (replace(count=18), replace(first_image=16, count=1)),
        (replace(condition_scale=1.0), replace(condition_scale=1.0, first_image=8, count=1)),
    ],
)
def test_company_changes_no_bit_of_the_logits(
    width: int, company: SamplingParams, alone: SamplingParams
) -> None:
    config = dataclasses.replace(DALLEBART, d_model=width, decoder_ffn_dim=width + 10)
    model = RecordingBart(config).eval()
    randomize(model, seed=1)
    codes = draw(model, company)
    in_company, model.logits = model.logits, []
    assert torch.equal(draw(model, alone)[0], codes[alone.first_image - company.first_image])
    place = alone.first_image % GROUP_SIZE
    rows = [place, GROUP_SIZE + place] if alone.is_guided else [place]
    for ours, theirs in zip(model.logits, in_company[-len(model.logits) :], strict=True):
        assert torch.equal(ours[rows], theirs[rows])


def test_every_step_has_the_same_number_of_rows() -> None:
    recorder = RecordingBart(DALLEBART).eval()
    for count in (1, 9, 10):
        draw(recorder, replace(count=count))
    assert {len(logits) for logits in recorder.logits} == {18}
    recorder.logits = []
    for count in (1, 9, 10):
        draw(recorder, replace(count=count, condition_scale=1.0))
    assert {len(logits) for logits in recorder.logits} == {16}


def test_the_loop_follows_teacher_forced_logits(model: DalleBart) -> None:
    """The likeliest code after every prefix is the one that greedy drawing takes."""
    params = replace(count=1, top_k=1, condition_scale=3.0)
    codes = draw(model, params)[0]
    start = torch.tensor([choose_start_token(params, model.config, NUM_CODES)])
    inputs = torch.cat([start, codes[:-1]]).expand(2, -1)
    with torch.inference_mode():
        conditional, unconditional = model(TEXT.tokens, TEXT.mask, inputs)[..., :NUM_CODES]
    guided = unconditional + 3.0 * (conditional - unconditional)
    assert guided.argmax(-1).tolist() == codes.tolist()


def test_candidates_are_all_drawn_and_begin_with_the_pictures(model: DalleBart) -> None:
    candidates = draw(model, replace(candidates=14))
    assert candidates.shape == (14, 16)
    assert torch.equal(candidates[:9], draw(model))


def test_what_is_beyond_the_codebook_is_never_drawn() -> None:
    model = build_dallebart()
    with torch.no_grad():
        model.lm_head.weight[NUM_CODES:] *= 100.0
    assert int(draw(model, replace(top_k=0, temperature=5.0)).max()) < NUM_CODES


def test_min_dalle_starts_at_the_last_code_and_the_model_at_its_own_token(model: DalleBart) -> None:
    assert choose_start_token(PARAMS, model.config, NUM_CODES) == 64
    as_min_dalle = replace(dialect="min-dalle")
    assert choose_start_token(as_min_dalle, model.config, NUM_CODES) == 63
    assert not torch.equal(draw(model, as_min_dalle), draw(model))


@pytest.mark.parametrize("num_known", [0, 1, 7, 15, 16])
def test_an_interrupted_drawing_goes_on_as_it_would_have(model: DalleBart, num_known: int) -> None:
    whole = draw(model)
    known = {index: whole[index, :num_known].tolist() for index in (0, 4, 8)}
    assert torch.equal(generate(model, TEXT, PARAMS, NUM_CODES, first_codes=known), whole)


def test_given_codes_are_kept_and_lead_the_rest(model: DalleBart) -> None:
    whole = draw(model)
    given_codes = [(code + 1) % NUM_CODES for code in whole[2, :8].tolist()]
    other = generate(model, TEXT, PARAMS, NUM_CODES, first_codes={2: given_codes})
    assert other[2, :8].tolist() == given_codes
    assert other[2, 8:].tolist() != whole[2, 8:].tolist()
    assert torch.equal(other[[0, 1, 3]], whole[[0, 1, 3]])


@pytest.mark.parametrize(
    ("first_codes", "advice"),
    [
        ({9: [1]}, "picture 9 were given, but it is not to be drawn"),
        ({0: [64]}, "each from 0 to 63"),
        ({0: [-1]}, "each from 0 to 63"),
        ({0: [1] * 17}, "at most 16"),
    ],
)
def test_codes_of_another_drawing_are_refused(
    model: DalleBart, first_codes: dict[int, list[int]], advice: str
) -> None:
    with pytest.raises(UserError, match=advice):
        generate(model, TEXT, PARAMS, NUM_CODES, first_codes=first_codes)


def test_every_step_is_reported_with_the_codes_so_far(model: DalleBart) -> None:
    states: list[DrawingState] = []
    params = replace(count=9, first_image=5)  # 5 to 8, then 9 to 13
    codes = generate(model, TEXT, params, NUM_CODES, on_step=states.append)
    assert [state.step for state in states] == list(range(1, 33))
    assert {state.num_steps for state in states} == {32}
    assert states[15].image_indices == (5, 6, 7, 8)
    assert states[16].image_indices == (9, 10, 11, 12, 13)
    assert torch.equal(states[5].codes, codes[:4, :6])
    assert torch.equal(states[31].codes, codes[4:])


def stop_after(steps: int) -> Callable[[], bool]:
    answers = iter([False] * steps + [True])
    return lambda: next(answers)


@pytest.mark.parametrize("steps", [0, 5, 20])
def test_a_drawing_stops_before_the_step_at_which_it_is_cancelled(
    model: DalleBart, steps: int
) -> None:
    states: list[DrawingState] = []
    with pytest.raises(CancelledError, match="cancelled"):
        generate(
            model,
            TEXT,
            replace(count=13),
            NUM_CODES,
            on_step=states.append,
            should_stop=stop_after(steps),
        )
    assert len(states) == steps


def test_logits_that_are_no_numbers_are_an_error_not_a_picture() -> None:
    model = build_dallebart()
    with torch.no_grad():
        model.lm_head.weight[5] = float("inf")
    with pytest.raises(NinefoldError, match="draw in float32"):
        draw(model)


def test_logits_beyond_the_codebook_may_be_anything() -> None:
    model = build_dallebart()
    expected = draw(model)
    with torch.no_grad():
        model.lm_head.weight[NUM_CODES:] = float("nan")
    assert torch.equal(draw(model), expected)
