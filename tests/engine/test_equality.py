"""The engine equals `generation/` token for token, for any mix, order and arrival of requests."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ninefold.engine.config import EngineConfig
from ninefold.engine.eager import EagerBackend
from ninefold.engine.request import DrawRequest
from ninefold.generation.params import SamplingParams
from ninefold.models.dallebart import DalleBart
from tests.engine.harness import NUM_CODES, build_harness, reference, text_of
from tests.tiny import DALLEBART, build_dallebart


@dataclass(frozen=True)
class Arrival:
    """A request that comes at a step, and is perhaps cancelled at another."""

    step: int
    words: tuple[int, ...]
    negative: tuple[int, ...]
    params: SamplingParams
    requester: str
    priority: int
    num_given: int
    cancelled_after: int | None


@st.composite
def arrivals(draw: st.DrawFn) -> Arrival:
    scale = draw(st.sampled_from([0.0, 1.0, 1.5, 10.0]))
    negative = () if scale == 1.0 else tuple(draw(st.lists(st.integers(5, 299), max_size=2)))
    params = SamplingParams(
        seed=draw(st.integers(0, 2**64 - 1)),
        count=draw(st.integers(1, 4)),
        first_image=draw(st.integers(0, 12)),
        condition_scale=scale,
        temperature=draw(st.sampled_from([0.6, 1.0, 2.5])),
        top_k=draw(st.sampled_from([0, 1, 8, 50])),
        top_p=draw(st.sampled_from([0.3, 0.9, 1.0])),
        negative_prompt="x" if negative else "",
        dialect=draw(st.sampled_from(["dalle-mini", "min-dalle"])),
    )
    return Arrival(
        step=draw(st.integers(0, 20)),
        words=tuple(draw(st.lists(st.integers(5, 299), min_size=1, max_size=4))),
        negative=negative,
        params=params,
        requester=draw(st.sampled_from("ab")),
        priority=draw(st.integers(0, 1)),
        num_given=draw(st.sampled_from([0, 0, 0, 1, 9, 16])),
        cancelled_after=draw(st.none() | st.none() | st.integers(0, 12)),
    )


@pytest.fixture(scope="module")
def model() -> DalleBart:
    return build_dallebart()


@settings(max_examples=25)
@given(st.lists(arrivals(), min_size=1, max_size=5), st.sampled_from([1, 3, 8, 11]))
def test_any_mix_order_and_arrival_draws_what_the_specification_draws(
    model: DalleBart, mix: list[Arrival], num_slots: int
) -> None:
    expected = [reference(model, text_of(a.words, a.negative), a.params) for a in mix]
    harness = build_harness(
        EagerBackend(model, NUM_CODES, num_slots), EngineConfig(num_slots=num_slots)
    )
    for now in range(600):
        for number, arrival in enumerate(mix):
            name = f"r{number}"
            if arrival.step == now:
                first = arrival.params.first_image
                given_codes = {first: expected[number][first][: arrival.num_given]}
                request = DrawRequest(
                    name,
                    "words",
                    arrival.params,
                    arrival.requester,
                    arrival.priority,
                    first_codes=given_codes,
                )
                harness.submit(request, text_of(arrival.words, arrival.negative))
            if (
                arrival.cancelled_after is not None
                and arrival.step + arrival.cancelled_after == now
            ):
                harness.core.cancel(name)
        harness.core.step(0.0)
        harness.core.check_integrity()
    assert not harness.core.has_steps
    for number, arrival in enumerate(mix):
        drawn = harness.codes(f"r{number}")
        for index, codes in drawn.items():
            assert list(codes) == expected[number][index]
        if arrival.cancelled_after is None:
            assert set(drawn) == set(arrival.params.image_indices)


def test_a_full_engine_draws_what_the_specification_draws(model: DalleBart) -> None:
    params = SamplingParams(seed=5, count=20, condition_scale=3.0, top_k=20)
    harness = build_harness(EagerBackend(model, NUM_CODES, 7), EngineConfig(num_slots=7))
    harness.submit(DrawRequest("a", "words", params), text_of((40, 41)))
    harness.run()
    expected = reference(model, text_of((40, 41)), params)
    assert {i: list(codes) for i, codes in harness.codes("a").items()} == expected
    assert harness.core.counts.codes == 20 * DALLEBART.image_length
