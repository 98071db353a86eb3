"""The backend is the one that was asked for or refused; `auto` measures and says why."""

import dataclasses

import pytest
import torch

from ninefold.engine import backends
from ninefold.engine.backends import build_backend, choose_backend
from ninefold.engine.native.library import NativeUnavailableError
from ninefold.errors import UserError
from tests.tiny import DALLEBART, build_dallebart

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("microseconds", "chosen"),
    [((3, 1), "bfloat16"), ((1, 1.2), "bfloat16"), ((1, 2), "float32")],
)
def test_auto_takes_the_kind_that_was_measured_to_be_the_fastest_but_for_disturbances(
    monkeypatch: pytest.MonkeyPatch, microseconds: tuple[float, ...], chosen: str
) -> None:
    seconds = dict(zip(("float32", "bfloat16"), microseconds, strict=True))
    monkeypatch.setattr(
        backends, "time_products", lambda kinds: {kind: 1e-6 * seconds[kind] for kind in kinds}
    )
    choice = choose_backend("auto", DALLEBART, CPU)
    assert choice.name == f"native-{chosen}"
    assert f"bfloat16 {microseconds[1]:.0f}" in choice.reason
    assert "PyTorch float32" in choice.reason


def test_auto_falls_back_to_eager_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(kinds: tuple[str, ...]) -> dict[str, float]:
        raise NativeUnavailableError(f"there is no compiler for {kinds[0]}")

    monkeypatch.setattr(backends, "time_products", unavailable)
    assert choose_backend("auto", DALLEBART, CPU) == backends.BackendChoice(
        "eager", "Drawing with eager, since there is no compiler for bfloat16."
    )
    with pytest.raises(UserError, match="'native-int8' cannot draw here: there is no compiler"):
        choose_backend("native-int8", DALLEBART, CPU)


def test_a_model_that_the_native_decoder_does_not_do_is_drawn_by_eager() -> None:
    config = dataclasses.replace(DALLEBART, ln_type="rmsnorm")
    choice = choose_backend("auto", config, CPU)
    assert choice.name == "eager"
    assert "rmsnorm" in choice.reason


def test_other_devices_are_for_eager() -> None:
    assert choose_backend("auto", DALLEBART, torch.device("mps")).name == "eager-bfloat16"
    with pytest.raises(UserError, match="does not run on mps"):
        choose_backend("native-int8", DALLEBART, torch.device("mps"))


def test_a_name_is_what_it_is_called() -> None:
    model = build_dallebart()
    for name in ("eager", "native-float32", "native-bfloat16", "native-int8"):
        assert build_backend(name, model, 64, 2).name == name
        assert choose_backend(name, DALLEBART, CPU).name == name
    assert build_backend("eager-bfloat16", model.bfloat16(), 64, 2).name == "eager-bfloat16"


def test_an_unknown_name_is_refused_and_the_known_ones_are_listed() -> None:
    with pytest.raises(UserError, match="no backend 'fast'; use auto, eager, eager-bfloat16"):
        choose_backend("fast", DALLEBART, CPU)
