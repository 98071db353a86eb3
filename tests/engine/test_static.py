"""Laws of the backend of fixed shapes: it draws what `generation/` draws, and can be recorded."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from ninefold.engine.config import EngineConfig
from ninefold.engine.request import DrawRequest
from ninefold.engine.self_check import check_backend
from ninefold.engine.static import StaticBackend
from ninefold.errors import UnsupportedOptionError
from ninefold.generation.params import SamplingParams
from tests.engine.harness import NUM_CODES, build_harness, reference, text_of
from tests.tiny import DALLEBART, build_dallebart

MIX = (
    ("a", text_of((40, 41), (77,)), SamplingParams(seed=5, count=6, condition_scale=3.0, top_k=20)),
    ("b", text_of((90,)), SamplingParams(seed=6, count=2, condition_scale=1.0, top_p=0.9)),
)


def record_operations(compute: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """Record the operations of a step with the tensors that they took, as a CUDA graph does."""
    traced = make_fx(lambda: compute())()
    return lambda: traced()


@pytest.mark.parametrize("record", [None, record_operations])
def test_a_mix_of_requests_draws_what_the_specification_draws(
    record: Callable[[Callable[[], Tensor]], Callable[[], Tensor]] | None,
) -> None:
    model = build_dallebart()
    backend = StaticBackend(model, NUM_CODES, 3, record)
    harness = build_harness(backend, EngineConfig(num_slots=3))
    for name, text, params in MIX:
        harness.submit(DrawRequest(name, "words", params), text)
        for _ in range(5):  # the second joins late
            harness.core.step(0.0)
    harness.run()
    for name, text, params in MIX:
        drawn = {index: list(codes) for index, codes in harness.codes(name).items()}
        assert drawn == reference(model, text, params)


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (torch.float32, "static"),
        (torch.bfloat16, "static-bfloat16"),
        (torch.float16, "static-float16"),
    ],
)
def test_company_changes_no_bit_in_any_format(dtype: torch.dtype, name: str) -> None:
    backend = StaticBackend(build_dallebart().to(dtype), NUM_CODES, 4)
    assert backend.name == name
    assert check_backend(backend, DALLEBART, NUM_CODES, 4).is_deterministic


@pytest.mark.parametrize("changes", [{"use_glu": False}, {"ln_type": "rmsnorm"}])
def test_plain_feed_forward_and_other_norms_are_done(changes: dict[str, Any]) -> None:
    model = build_dallebart(dataclasses.replace(DALLEBART, **changes))
    harness = build_harness(StaticBackend(model, NUM_CODES, 2), EngineConfig(num_slots=2))
    name, text, params = MIX[0]
    harness.submit(DrawRequest(name, "words", params), text)
    harness.run()
    drawn = {index: list(codes) for index, codes in harness.codes(name).items()}
    assert drawn == reference(model, text, params)


@pytest.mark.parametrize("option", ["use_bias", "use_head_scale", "use_cosine_attention"])
def test_an_option_that_it_does_not_do_is_refused(option: str) -> None:
    changes: dict[str, Any] = {option: True}
    model = build_dallebart(dataclasses.replace(DALLEBART, **changes))
    with pytest.raises(UnsupportedOptionError, match=option):
        StaticBackend(model, NUM_CODES, 2)
