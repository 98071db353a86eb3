"""Laws of guidance, filters and draw, and agreement with both references on fixed logits.

`golden/sampling` holds what dalle-mini 0.1.5 (`jax.npz`) and min-dalle 0.4.11 (`min.npz`) made of
the same logits; in row 0 eight codes tie for the first place.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from ninefold.generation.sampling import (
    CodeDistribution,
    build_uniforms,
    draw_codes,
    filter_logits,
    guide_logits,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "sampling"
NUM_CODES = 512


@pytest.fixture(scope="module")
def dalle_mini() -> dict[str, NDArray[Any]]:
    with np.load(GOLDEN / "jax.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def min_dalle() -> dict[str, NDArray[Any]]:
    with np.load(GOLDEN / "min.npz") as file:
        return dict(file)


def spread(distribution: CodeDistribution, size: int = NUM_CODES) -> NDArray[np.float64]:
    """Return the probabilities (B, size) of all codes."""
    empty = torch.zeros(len(distribution.codes), size, dtype=torch.float64)
    full: NDArray[np.float64] = empty.scatter(
        1, distribution.codes, distribution.probabilities
    ).numpy()
    return full


def guided(logits: dict[str, NDArray[Any]], scale: float) -> Tensor:
    conditional, unconditional = (torch.from_numpy(logits[n]) for n in ("cond", "uncond"))
    return guide_logits(conditional, unconditional, scale, NUM_CODES)


@pytest.mark.parametrize("scale", [1.0, 10.0, 16.0])
def test_guidance_equals_dalle_mini(dalle_mini: dict[str, NDArray[Any]], scale: float) -> None:
    expected = dalle_mini[f"super_{scale}"]
    np.testing.assert_allclose(guided(dalle_mini, scale), expected, rtol=0, atol=1e-6)


def test_without_unconditional_logits_the_conditional_ones_stay() -> None:
    logits = torch.randn(2, 6)
    assert torch.equal(guide_logits(logits, None, 1.0, 4), logits[:, :4])


def test_logits_beyond_the_codebook_are_cut_before_anything_else() -> None:
    logits = torch.tensor([[0.0, 1.0, 9.0]])
    assert guide_logits(logits, logits, 3.0, 2).tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize("scale", [1.0, 10.0, 16.0])
@pytest.mark.parametrize(
    ("name", "filters"),
    [
        ("k50", {"top_k": 50}),
        ("k3", {"top_k": 3}),
        ("T0.7_k50", {"temperature": 0.7, "top_k": 50}),
        ("p0.9", {"top_p": 0.9}),
        ("T2_k50_p0.8", {"temperature": 2.0, "top_k": 50, "top_p": 0.8}),
    ],
)
def test_filters_keep_what_dalle_mini_keeps_with_the_same_probability(
    dalle_mini: dict[str, NDArray[Any]], scale: float, name: str, filters: dict[str, Any]
) -> None:
    warped = torch.from_numpy(dalle_mini[f"super_{scale}/{name}"])  # -inf where dropped
    ours = spread(filter_logits(guided(dalle_mini, scale), **filters))
    np.testing.assert_array_equal(ours > 0, torch.isfinite(warped))
    np.testing.assert_allclose(ours, warped.double().softmax(1), rtol=0, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 10.0, 16.0])
@pytest.mark.parametrize(("temperature", "top_k"), [(1.0, 256), (1.0, 50), (0.7, 50), (1.0, 3)])
def test_filters_keep_what_min_dalle_keeps_where_nothing_ties(
    dalle_mini: dict[str, NDArray[Any]],
    min_dalle: dict[str, NDArray[Any]],
    scale: float,
    temperature: float,
    top_k: int,
) -> None:
    weights = min_dalle[f"s{scale}_T{temperature}_k{top_k}/weights"].astype(np.float64)
    expected = weights / weights.sum(1, keepdims=True)
    ours = spread(filter_logits(guided(dalle_mini, scale), temperature, top_k))
    np.testing.assert_array_equal((ours > 0)[1:], (expected > 0)[1:])
    np.testing.assert_allclose(ours[1:], expected[1:], rtol=0, atol=1e-6)


def test_ties_for_the_last_place_go_to_the_lowest_codes_and_min_dalle_keeps_them_all(
    dalle_mini: dict[str, NDArray[Any]], min_dalle: dict[str, NDArray[Any]]
) -> None:
    tied = np.flatnonzero(dalle_mini["super_10.0"][0] == 100.0)
    assert len(tied) == 8
    kept = filter_logits(guided(dalle_mini, 10.0), top_k=3)
    assert kept.codes[0].tolist() == tied[:3].tolist()
    assert np.count_nonzero(min_dalle["s10.0_T1.0_k3/weights"][0]) == 8


@pytest.mark.parametrize("scale", [1.0, 10.0, 16.0])
def test_greedy_codes_equal_both_references(
    dalle_mini: dict[str, NDArray[Any]], min_dalle: dict[str, NDArray[Any]], scale: float
) -> None:
    greedy = filter_logits(guided(dalle_mini, scale), top_k=1).codes[:, 0].numpy()
    np.testing.assert_array_equal(greedy, dalle_mini[f"super_{scale}"].argmax(1))
    weights = min_dalle[f"s{scale}_T1.0_k1/weights"]
    assert all(weights[row, code] == 1.0 for row, code in enumerate(greedy))
    # In row 0 min-dalle draws among the eight that tie.
    np.testing.assert_array_equal(greedy[1:], min_dalle[f"s{scale}_T1.0_k1/token_seed42"][1:])


ROWS = st.lists(st.integers(-4, 4), min_size=1, max_size=12)  # small integers tie often


@given(ROWS, st.integers(0, 15))
def test_top_k_keeps_the_first_k_of_a_stable_order(row: list[int], top_k: int) -> None:
    kept = filter_logits(torch.tensor([row], dtype=torch.float32), top_k=top_k)
    order = sorted(range(len(row)), key=lambda code: -row[code])
    assert kept.codes[0].tolist() == sorted(order[: top_k or None])


@given(ROWS, st.floats(0.01, 0.999))
def test_top_p_keeps_the_code_that_crosses_p_and_nothing_after_it(
    row: list[int], top_p: float
) -> None:
    logits = torch.tensor([row], dtype=torch.float32)
    everything = filter_logits(logits).probabilities[0]
    nucleus = filter_logits(logits, top_p=top_p).probabilities[0]
    order = sorted(range(len(row)), key=lambda code: -row[code])
    num_kept = int((nucleus > 0).sum())
    assert sorted(order[:num_kept]) == nucleus.nonzero()[:, 0].tolist()
    assert everything[order[:num_kept]].sum() > top_p - 1e-12
    assert everything[order[: num_kept - 1]].sum() < top_p + 1e-12
    assert float(nucleus.sum()) == pytest.approx(1.0)


@given(ROWS, st.sampled_from([1e-300, 1e-9, 0.5, 1.0, 100.0]))
def test_no_temperature_breaks_the_distribution(row: list[int], temperature: float) -> None:
    kept = filter_logits(torch.tensor([row], dtype=torch.float32), temperature)
    assert float(kept.probabilities.sum()) == pytest.approx(1.0)


def test_rows_are_filtered_independently() -> None:
    logits = torch.randn(5, 40, generator=torch.Generator().manual_seed(0))
    together = filter_logits(logits, 0.8, 20, 0.9)
    for row in range(5):
        alone = filter_logits(logits[row : row + 1], 0.8, 20, 0.9)
        assert torch.equal(together.codes[row], alone.codes[0])
        assert torch.equal(together.probabilities[row], alone.probabilities[0])


@given(
    st.lists(st.floats(0.0, 1.0, allow_subnormal=False), min_size=1, max_size=20).filter(any),
    st.integers(0, 2**53 - 1) | st.sampled_from([0, 2**53 - 1]),
)
def test_the_drawn_code_is_the_one_whose_interval_holds_the_number(
    weights: list[float], bits: int
) -> None:
    uniform = bits * 2.0**-53
    codes = torch.arange(3, 3 + len(weights))[None]
    distribution = CodeDistribution(codes, torch.tensor([weights], dtype=torch.float64))
    drawn = int(draw_codes(distribution, torch.tensor([uniform], dtype=torch.float64))) - 3
    sums = np.cumsum(weights)
    assert weights[drawn] > 0
    assert sums[drawn] > uniform * sums[-1]
    assert drawn == 0 or sums[drawn - 1] <= uniform * sums[-1]


def test_drawn_codes_follow_the_distribution() -> None:
    logits = torch.tensor([[0.0, 2.0, -1.0, 1.0, 0.5, 3.0, -2.0, 1.5]])
    distribution = filter_logits(logits, temperature=1.5, top_k=6)
    draws = 20_000
    many = CodeDistribution(
        distribution.codes.expand(draws, -1), distribution.probabilities.expand(draws, -1)
    )
    drawn = draw_codes(many, torch.from_numpy(build_uniforms(seed=9, image_index=0, length=draws)))
    observed = torch.bincount(drawn, minlength=8)[distribution.codes[0]].numpy()
    expected = distribution.probabilities[0].numpy() * draws
    chi_square = float(((observed - expected) ** 2 / expected).sum())
    assert observed.sum() == draws
    assert chi_square < 15.09  # the 99th percentile for five degrees of freedom


MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
WORD = 2**64 - 1


def philox4x64(counter: int, key: tuple[int, int]) -> list[int]:
    """Ten rounds of Philox4x64 as in Salmon et al. (2011), in plain integers."""
    words = [(counter >> (64 * i)) & WORD for i in range(4)]
    for turn in range(10):
        keys = [(k + turn * w) & WORD for k, w in zip(key, WEYL, strict=True)]
        first, second = MULTIPLIERS[0] * words[0], MULTIPLIERS[1] * words[2]
        words = [
            (second >> 64) ^ words[1] ^ keys[0],
            second & WORD,
            (first >> 64) ^ words[3] ^ keys[1],
            first & WORD,
        ]
    return words


@given(st.integers(0, WORD), st.integers(0, 2**32), st.integers(0, 600))
def test_each_number_is_one_word_of_philox_under_seed_and_index(
    seed: int, image_index: int, step: int
) -> None:
    word = philox4x64(step // 4 + 1, (seed, image_index))[step % 4]
    assert build_uniforms(seed, image_index, 1, start=step).tolist() == [(word >> 11) * 2.0**-53]


@given(st.integers(0, 40), st.integers(0, 40))
def test_any_part_of_a_stream_can_be_had_alone(start: int, length: int) -> None:
    whole = build_uniforms(5, 3, 80)
    part = build_uniforms(5, 3, length, start=start)
    np.testing.assert_array_equal(part, whole[start : start + length])


def test_the_first_numbers_never_change() -> None:
    expected = [0.30931491118583454, 0.3569562367935075, 0.036904530468356844]
    assert build_uniforms(1, 2, 3).tolist() == expected
