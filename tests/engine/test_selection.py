"""The native selection keeps the codes that `generation.sampling` keeps, with the same numbers."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ninefold.engine.native.decoder import NativeBackend
from ninefold.engine.selection import Guidance, select_codes
from tests.tiny import DALLEBART, build_dallebart

WIDTHS = (48, 1056)
"""Numbers a row of logits, codes and padding."""


@pytest.fixture(scope="module")
def backend() -> NativeBackend:
    return NativeBackend(build_dallebart(), DALLEBART.image_vocab_size, 1, "float32")


@pytest.mark.native("float32")
@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**31),
    width=st.sampled_from(WIDTHS),
    missing=st.integers(0, 20),
    top_k=st.integers(0, 60),
    scale=st.sampled_from([0.0, 1.0, 3.0, 10.0]),
    levels=st.sampled_from([2, 9, 1000]),
    bad=st.sampled_from([None, float("nan"), float("inf"), float("-inf")]),
)
def test_codes_and_numbers_are_those_of_the_specification(
    backend: NativeBackend,
    seed: int,
    width: int,
    missing: int,
    top_k: int,
    scale: float,
    levels: int,
    bad: float | None,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    # Few levels make many codes tie for the last place.
    logits = torch.randint(levels, (7, width), generator=generator) / 7 - 0.5
    guidance = Guidance(scale, scale != 1.0, top_k, width - missing)
    if bad is not None:
        logits[4, (width - missing) // 2] = bad
    rows = torch.tensor([0, 2, 4, 5] if guidance.is_guided else [0, 1, 4, 6])
    found = backend.select(logits, rows, guidance)
    expected = select_codes(logits, rows, guidance)
    assert torch.equal(found.is_finite, expected.is_finite)
    assert bool(expected.is_finite.all()) == (bad is None)
    fine = expected.is_finite
    assert torch.equal(found.codes[fine], expected.codes[fine])
    assert torch.equal(found.logits[fine], expected.logits[fine])
    assert found.codes.shape == expected.codes.shape
