"""One prompt by a backend keeps the contract of `generate`."""

import dataclasses

import pytest
import torch

from ninefold.engine.eager import EagerBackend
from ninefold.engine.generate import NUM_SLOTS, generate_with_backend
from ninefold.errors import CancelledError, NinefoldError
from ninefold.generation.generate import DrawingState, generate
from ninefold.generation.params import SamplingParams
from tests.engine.harness import NUM_CODES, text_of
from tests.tiny import DALLEBART, build_dallebart

TEXT = text_of((40, 41))
PARAMS = SamplingParams(seed=3, count=9, first_image=5, condition_scale=2.0)


def test_codes_and_reports_are_those_of_generate() -> None:
    model = build_dallebart()
    ours: list[DrawingState] = []
    theirs: list[DrawingState] = []
    backend = EagerBackend(model, NUM_CODES, NUM_SLOTS)
    codes = generate_with_backend(backend, DALLEBART, TEXT, PARAMS, NUM_CODES, on_step=ours.append)
    assert torch.equal(codes, generate(model, TEXT, PARAMS, NUM_CODES, on_step=theirs.append))
    for our, their in zip(ours, theirs, strict=True):
        assert torch.equal(our.codes, their.codes)
        assert dataclasses.replace(our, codes=their.codes) == their


def test_it_stops_where_it_is_told_to_and_draws_again_afterwards() -> None:
    backend = EagerBackend(build_dallebart(), NUM_CODES, NUM_SLOTS)
    answers = iter([False, False, True])
    with pytest.raises(CancelledError):
        generate_with_backend(
            backend, DALLEBART, TEXT, PARAMS, NUM_CODES, should_stop=lambda: next(answers)
        )
    assert len(generate_with_backend(backend, DALLEBART, TEXT, PARAMS, NUM_CODES)) == 9


def test_logits_that_are_no_numbers_are_an_error() -> None:
    model = build_dallebart()
    with torch.no_grad():
        model.lm_head.weight[5] = float("nan")
    backend = EagerBackend(model, NUM_CODES, NUM_SLOTS)
    with pytest.raises(NinefoldError, match="no numbers"):
        generate_with_backend(backend, DALLEBART, TEXT, PARAMS, NUM_CODES)
