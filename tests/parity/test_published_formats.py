"""Our networks equal the references on the same weights, from every format that they publish."""

from dataclasses import replace
from pathlib import Path

import pytest

from ninefold.checkpoints.convert import convert_flax_dallebart
from ninefold.models.dallebart import DalleBart
from tests.parity.comparison import (
    DALLEBART_FORMATS,
    FAMILIES,
    GOLDEN,
    TOLERANCE,
    VQGAN_FORMATS,
    ParityRow,
    dallebart_errors,
    golden_dallebart_rows,
    golden_vqgan_rows,
    read_arrays,
)

PAGE = Path(__file__).parents[2] / "docs" / "models.md"


def assert_equal(rows: list[ParityRow]) -> None:
    """Every row is within the tolerance, and stands in the table of docs/models.md."""
    page = PAGE.read_text(encoding="utf-8")
    for row in rows:
        documented = f"| {row.model} | {row.file_format} | {row.tensor} | {row.reference} |"
        assert documented in page, "run `make parity-table`"
        assert row.error <= (0.0 if row.is_exact else TOLERANCE), row


@pytest.mark.parametrize("file_format", DALLEBART_FORMATS)
@pytest.mark.parametrize("model", FAMILIES)
def test_states_logits_caches_and_greedy_codes_equal_the_references(
    model: str, file_format: str
) -> None:
    rows = golden_dallebart_rows(model, file_format)
    assert len(rows) == (11 if file_format == "flax_model.msgpack" else 8)
    assert_equal(rows)


@pytest.mark.parametrize("file_format", VQGAN_FORMATS)
def test_codes_and_pixels_equal_the_reference(file_format: str) -> None:
    rows = golden_vqgan_rows(file_format)
    assert len(rows) == (1 if file_format == "detoker.pt" else 4)
    assert_equal(rows)


@pytest.mark.parametrize("mistake", ["tanh gelu", "half precision", "gate and up swapped"])
def test_the_comparison_sees_a_single_mistake(mistake: str) -> None:
    golden = GOLDEN / FAMILIES["mini"]
    published = convert_flax_dallebart(golden)
    state = dict(published.stream)
    config = published.config
    if mistake == "tanh gelu":
        config = replace(config, activation_function="gelu_new")
    elif mistake == "half precision":
        state = {name: tensor.half().float() for name, tensor in state.items()}
    else:
        gate, up = (f"encoder.layers.0.ffn.{part}.weight" for part in ("gate", "up"))
        state[gate], state[up] = state[up], state[gate]
    model = DalleBart(config).eval()
    model.load_state_dict(state)
    jax = read_arrays(golden / "golden.npz")
    errors = {tensor: error for tensor, _, error in dallebart_errors(model, jax, jax, None)}
    assert errors["logits, all positions at once"] > 5 * TOLERANCE
    assert errors["encoder states"] > 5 * TOLERANCE
