"""Laws of the products: right in each number format, and a row's own whatever the others are."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from hypothesis import given, settings
from hypothesis import strategies as st

from ninefold.engine.native.library import LIMIT_VARIABLE
from ninefold.engine.native.products import PackedProduct, time_products
from ninefold.engine.native.structures import KINDS, Kind, available_kinds
from ninefold.engine.threads import set_threads
from tests.native_kinds import kinds

TOLERANCE: dict[Kind, float] = {"float32": 1e-5, "bfloat16": 1e-2, "int8": 6e-2}


@pytest.mark.parametrize("kind", kinds())
@pytest.mark.parametrize(("outputs", "inputs"), [(1, 1), (48, 4), (50, 7), (96, 130), (131, 2730)])
def test_a_product_is_that_of_torch_within_its_format(
    kind: Kind, outputs: int, inputs: int
) -> None:
    weight, rows = torch.randn(outputs, inputs), torch.randn(21, inputs)
    expected = F.linear(rows.double(), weight.double())
    error = (PackedProduct(kind, weight)(rows) - expected).abs().max()
    assert error < TOLERANCE[kind] * weight.norm(dim=1).max() * rows.norm(dim=1).max() / inputs**0.5


@pytest.mark.native("float32")
@settings(max_examples=30)
@given(
    kind=st.sampled_from(sorted(available_kinds() or KINDS)),
    num_rows=st.integers(1, 40),
    inputs=st.integers(1, 300),
    data=st.data(),
)
def test_a_row_does_not_depend_on_the_others(
    kind: Kind, num_rows: int, inputs: int, data: st.DataObject
) -> None:
    torch.manual_seed(inputs)
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


@pytest.mark.native("bfloat16")  # of those that can do AVX-512, all can do AVX2
def test_avx2_gives_the_bits_of_avx512(monkeypatch: pytest.MonkeyPatch) -> None:
    weight, rows = torch.randn(131, 77), torch.randn(21, 77)
    wide = PackedProduct("float32", weight)(rows)
    monkeypatch.setenv(LIMIT_VARIABLE, "avx2")
    assert torch.equal(PackedProduct("float32", weight)(rows), wide)


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
