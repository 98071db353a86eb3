"""Laws of the products: right in each number format, and a row's own whatever the others are."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from hypothesis import given, settings
from hypothesis import strategies as st

from ninefold.engine.native.library import LIMIT_VARIABLE, NEEDED, why_not
from ninefold.engine.native.products import PackedProduct, time_products
from ninefold.engine.native.structures import KINDS, Kind
from ninefold.engine.threads import set_threads
from tests.native_kinds import available_kinds, instruction_sets, kinds

TOLERANCE: dict[Kind, float] = {"float32": 1e-5, "bfloat16": 1e-2, "int8": 6e-2}


@pytest.mark.parametrize("instructions", instruction_sets())
@pytest.mark.parametrize("kind", kinds())
@pytest.mark.parametrize(("outputs", "inputs"), [(1, 1), (48, 4), (50, 7), (96, 130), (131, 2730)])
def test_a_product_is_that_of_torch_within_its_format(
    kind: Kind, instructions: str, outputs: int, inputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, instructions)
    weight, rows = torch.randn(outputs, inputs), torch.randn(21, inputs)
    expected = F.linear(rows.double(), weight.double())
    error = (PackedProduct(kind, weight)(rows) - expected).abs().max()
    assert error < TOLERANCE[kind] * weight.norm(dim=1).max() * rows.norm(dim=1).max() / inputs**0.5


@pytest.mark.native("float32")
@settings(max_examples=30)
@given(
    kind=st.sampled_from(sorted(available_kinds() or KINDS)),
    instructions=st.sampled_from([str(name) for name in NEEDED if not why_not(name)] or ["none"]),
    num_rows=st.integers(1, 40),
    inputs=st.integers(1, 300),
    data=st.data(),
)
def test_a_row_does_not_depend_on_the_others(
    kind: Kind, instructions: str, num_rows: int, inputs: int, data: st.DataObject
) -> None:
    torch.manual_seed(inputs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LIMIT_VARIABLE, instructions)
        product = PackedProduct(kind, torch.randn(70, inputs))
    rows = torch.randn(num_rows, inputs) * torch.logspace(-3, 3, num_rows)[:, None]
    together = product(rows)
    order = torch.tensor(data.draw(st.permutations(range(num_rows))))
    some = order[: data.draw(st.integers(1, num_rows))]
    assert torch.equal(product(rows[some]), together[some])


@pytest.mark.parametrize("kind", kinds())
def test_rows_and_columns_of_zeros_stay_zeros(kind: Kind) -> None:
    weight = torch.randn(60, 33)
    weight[7] = 0.0
    rows = torch.randn(3, 33)
    rows[1] = 0.0
    result = PackedProduct(kind, weight)(rows)
    assert not result[1].any()
    assert not result[:, 7].any()


@pytest.mark.parametrize("num_threads", [2, 3, 7])
@pytest.mark.parametrize("kind", kinds())
def test_threads_change_no_bit(kind: Kind, num_threads: int) -> None:
    rows = torch.randn(18, 256)
    product = PackedProduct(kind, torch.randn(500, 256))
    alone = product(rows)
    torch.set_num_threads(num_threads)
    try:
        assert torch.equal(product(rows), alone)
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("instructions", instruction_sets())
def test_all_instructions_give_the_bits_of_avx2(
    instructions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    weight, rows = torch.randn(131, 77), torch.randn(21, 77)
    monkeypatch.setenv(LIMIT_VARIABLE, "avx2")
    narrow = PackedProduct("float32", weight)(rows)
    monkeypatch.setenv(LIMIT_VARIABLE, instructions)
    assert torch.equal(PackedProduct("float32", weight)(rows), narrow)


@pytest.mark.instructions("avx512")  # of those that can do it, all can do the other
def test_registers_of_both_sizes_multiply_bytes_to_the_same_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weight, rows = torch.randn(131, 77), torch.randn(21, 77)
    monkeypatch.setenv(LIMIT_VARIABLE, "avx512vnni")
    narrow = PackedProduct("int8", weight)(rows)
    monkeypatch.setenv(LIMIT_VARIABLE, "avx512")
    assert torch.equal(PackedProduct("int8", weight)(rows), narrow)


NARROW = [each for each in instruction_sets() if each.values != ("avx512",)]


@pytest.mark.parametrize("instructions", NARROW)
@pytest.mark.parametrize(("outputs", "inputs"), [(1, 1), (48, 4), (50, 7), (53, 130), (17, 9001)])
def test_wide_inputs_leave_no_error_but_that_of_the_weights(
    instructions: str, outputs: int, inputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, instructions)
    weight, rows = torch.randint(-127, 128, (outputs, inputs)).float(), torch.randn(21, inputs)
    weight[:, 0] = 127.0  # weights that eight bits hold
    expected = rows.double() @ weight.double().T
    error = (PackedProduct("int8-wide", weight)(rows) - expected).abs().max()
    # Half a step of the inputs, at most, adds up like noise.
    step = rows.abs().max() / min(2047, (2**31 - 1) // 127 // inputs)
    assert error < 3 * step * weight.norm(dim=1).max()


@pytest.mark.parametrize("instructions", instruction_sets())
@pytest.mark.parametrize("inputs", [2, 5, 301])
def test_no_sum_of_the_largest_bytes_overflows(
    instructions: str, inputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, instructions)
    signs = torch.randint(0, 2, (60 + 11, inputs)) * 2 - 1
    signs[0], signs[-1] = 1, 1  # all products of one sign
    signs[1] = -1
    weight, rows = 127.0 * signs[:60], 127.0 * signs[60:]
    torch.testing.assert_close(
        PackedProduct("int8", weight)(rows), rows @ weight.T, rtol=1e-6, atol=0
    )


@pytest.mark.parametrize("instructions", instruction_sets())
def test_weights_of_bfloat16_are_multiplied_exactly(
    instructions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, instructions)
    weight, rows = (torch.randint(-128, 129, (n, 75)) / 64 for n in (53, 7))
    assert torch.equal(PackedProduct("bfloat16", weight)(rows), rows @ weight.T)


@pytest.mark.native("float32")
def test_products_of_each_kind_can_be_timed() -> None:
    seconds = time_products(available_kinds(), num_rows=2, width=48)
    assert set(seconds) == set(available_kinds())
    assert all(0 < value < 10 for value in seconds.values())


@pytest.mark.native("float32")
def test_products_at_the_same_time_on_many_threads_are_those_alone() -> None:
    """Threads of two callers, more than there are cores, take pieces of many short loops."""
    products = [PackedProduct(available_kinds()[-1], torch.randn(400, 64)) for _ in range(4)]
    rows = torch.randn(3, 64)
    alone = [product(rows) for product in products]

    def repeat(number: int) -> bool:
        set_threads(5)
        return all(torch.equal(products[number](rows), alone[number]) for _ in range(2000))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(repeat, range(4)))
