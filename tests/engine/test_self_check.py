"""The start-up check finds out when company changes bits."""

import torch
from torch import Tensor

from ninefold.engine.backend import Rows
from ninefold.engine.eager import EagerBackend
from ninefold.engine.self_check import check_backend
from tests.tiny import DALLEBART, build_dallebart


class Sociable(EagerBackend):
    """What a row gives depends, very slightly, on how many rows there are."""

    def step(self, rows: Rows) -> Tensor:
        return super().step(rows) + 1e-6 * len(rows.tokens)


class Punctual(EagerBackend):
    """What a row gives depends on its place."""

    def step(self, rows: Rows) -> Tensor:
        return super().step(rows) + 1e-6 * rows.places[:, None].to(torch.float32)


def test_the_reference_backend_is_deterministic() -> None:
    for num_slots in (1, 2, 7):
        check = check_backend(
            EagerBackend(build_dallebart(), 64, num_slots), DALLEBART, 64, num_slots
        )
        assert check.is_deterministic
        assert check.one_picture_s > 0
        assert check.all_slots_s > 0


def test_a_backend_that_depends_on_company_or_place_is_found_out() -> None:
    model = build_dallebart()
    for kind in (Sociable, Punctual):
        assert not check_backend(kind(model, 64, 4), DALLEBART, 64, 4).is_deterministic
