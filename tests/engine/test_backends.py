"""The backend is the one that was asked for or refused; `auto` measures and says why."""

import dataclasses

import pytest
import torch

from ninefold.engine import backends
from ninefold.engine.backends import build_backend, choose_backend
from ninefold.engine.native import library
from ninefold.engine.native.compilation import InstructionSet
from ninefold.engine.native.library import NativeUnavailableError
from ninefold.errors import UserError
from tests import native_kinds
from tests.tiny import DALLEBART, build_dallebart

CPU = torch.device("cpu")


def let_the_processor(monkeypatch: pytest.MonkeyPatch, *sets: InstructionSet) -> None:
    """Let it seem that the processor has these instruction sets and no others."""
    flags = {name for each in sets for name in library.NEEDED[each]} | {"sse2"}
    monkeypatch.setattr(library, "processor_flags", lambda: frozenset(flags))
    monkeypatch.delenv(library.LIMIT_VARIABLE, raising=False)


@pytest.mark.parametrize(
    ("microseconds", "chosen"),
    [((3, 1), "bfloat16"), ((1, 1.2), "bfloat16"), ((1, 2), "float32")],
)
def test_auto_takes_the_kind_that_was_measured_to_be_the_fastest_but_for_disturbances(
    monkeypatch: pytest.MonkeyPatch, microseconds: tuple[float, ...], chosen: str
) -> None:
    seconds = dict(zip(("float32", "bfloat16"), microseconds, strict=True))
    let_the_processor(monkeypatch, *library.NEEDED)
    monkeypatch.setattr(
        backends, "time_products", lambda kinds: {kind: 1e-6 * seconds[kind] for kind in kinds}
    )
    choice = choose_backend("auto", DALLEBART, CPU)
    assert choice.name == f"native-{chosen}"
    assert f"bfloat16 {microseconds[1]:.0f}" in choice.reason
    assert "PyTorch float32" in choice.reason


def test_auto_falls_back_to_eager_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    let_the_processor(monkeypatch, *library.NEEDED)

    def unavailable(kinds: tuple[str, ...]) -> dict[str, float]:
        raise NativeUnavailableError(f"there is no compiler for {kinds[0]}")

    monkeypatch.setattr(backends, "time_products", unavailable)
    assert choose_backend("auto", DALLEBART, CPU) == backends.BackendChoice(
        "eager", "Drawing with eager, since there is no compiler for bfloat16."
    )
    with pytest.raises(UserError, match="'native-int8' cannot draw here: there is no compiler"):
        choose_backend("native-int8", DALLEBART, CPU)


@pytest.mark.parametrize("instructions", ["avx2", "avxvnni", "avx512vnni"])
def test_a_processor_without_bfloat16_products_draws_in_any_kind(
    monkeypatch: pytest.MonkeyPatch, instructions: InstructionSet
) -> None:
    let_the_processor(monkeypatch, instructions)
    monkeypatch.setattr(backends, "time_products", lambda kinds: dict.fromkeys(kinds, 1e-3))
    assert choose_backend("auto", DALLEBART, CPU).name == "native-bfloat16"
    for name in ("native-float32", "native-bfloat16", "native-int8"):
        assert choose_backend(name, DALLEBART, CPU).name == name


def test_a_processor_without_avx2_draws_by_eager_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    let_the_processor(monkeypatch)
    assert choose_backend("auto", DALLEBART, CPU) == backends.BackendChoice(
        "eager", "Drawing with eager, since this processor has no avx2, fma."
    )
    with pytest.raises(UserError, match="'native-float32' cannot draw here: this processor has no"):
        choose_backend("native-float32", DALLEBART, CPU)


def test_a_model_that_the_native_decoder_does_not_do_is_drawn_by_eager() -> None:
    config = dataclasses.replace(DALLEBART, ln_type="rmsnorm")
    choice = choose_backend("auto", config, CPU)
    assert choice.name == "eager"
    assert "rmsnorm" in choice.reason


def test_other_devices_draw_in_fixed_shapes_where_the_model_allows() -> None:
    assert choose_backend("auto", DALLEBART, torch.device("mps")).name == "static-bfloat16"
    biased = dataclasses.replace(DALLEBART, use_bias=True)
    choice = choose_backend("auto", biased, torch.device("xpu"))
    assert choice == backends.BackendChoice(
        "eager-bfloat16",
        "Drawing with eager-bfloat16, since the decoder of fixed shapes does not do use_bias.",
    )
    with pytest.raises(UserError, match="'static' cannot draw here: the decoder of fixed"):
        choose_backend("static", biased, CPU)
    with pytest.raises(UserError, match="does not run on mps"):
        choose_backend("native-int8", DALLEBART, torch.device("mps"))


@pytest.mark.parametrize(
    "name",
    native_kinds.backends("eager", "static", "native-float32", "native-bfloat16", "native-int8"),
)
def test_a_name_is_what_it_is_called(name: str) -> None:
    assert build_backend(name, build_dallebart(), 64, 2).name == name
    assert choose_backend(name, DALLEBART, CPU).name == name


def test_a_number_format_of_eager_is_in_its_name() -> None:
    backend = build_backend("eager-bfloat16", build_dallebart().bfloat16(), 64, 2)
    assert backend.name == "eager-bfloat16"


def test_an_unknown_name_is_refused_and_the_known_ones_are_listed() -> None:
    with pytest.raises(UserError, match="no backend 'fast'; use auto, eager, eager-bfloat16"):
        choose_backend("fast", DALLEBART, CPU)
