"""Laws of the native decoder: near the model's own step, and every picture for itself."""

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ninefold.checkpoints.model_folder import (
    Network,
    load_state,
    read_config,
    save_model,
    weights_file,
)
from ninefold.engine.backend import Backend, Rows
from ninefold.engine.backends import load_native
from ninefold.engine.config import EngineConfig
from ninefold.engine.eager import EagerBackend
from ninefold.engine.native.decoder import ACTIVATIONS, NativeBackend
from ninefold.engine.native.library import LIMIT_VARIABLE
from ninefold.engine.native.structures import Kind
from ninefold.engine.request import DrawRequest
from ninefold.engine.self_check import check_backend
from ninefold.errors import UnsupportedOptionError
from ninefold.generation.params import SamplingParams
from ninefold.models.dallebart import DalleBart, DalleBartConfig
from tests.checkpoints.test_mapped_file import mapped_bytes
from tests.engine.harness import NUM_CODES, build_harness, reference, text_of
from tests.native_kinds import instruction_sets, kinds
from tests.tiny import DALLEBART, build_dallebart

TOLERANCE: dict[Kind, float] = {"float32": 1e-5, "bfloat16": 0.03, "int8": 0.06}
"""Of the logits' deviation."""


def all_logits(backend: Backend, config: DalleBartConfig) -> Tensor:
    """Logits of five rows with three texts, at positions of their own."""
    generator = torch.Generator().manual_seed(0)
    for entry, length in enumerate((7, 2, config.max_text_length)):
        tokens = torch.randint(
            config.encoder_vocab_size, (config.max_text_length,), generator=generator
        )
        backend.read_text(entry, tokens, torch.arange(config.max_text_length) < length)
    steps = []
    for position in range(config.image_length + 3):
        # The last two rows join three steps later.
        own = [position] * 3 + [position - 3] * 2
        here = torch.tensor([0 <= p < config.image_length for p in own])
        rows = Rows(
            torch.tensor([0, 1, 4, 5, 9])[here],
            torch.randint(NUM_CODES, (5,), generator=generator)[here],
            torch.tensor(own)[here],
            torch.tensor([0, 1, 2, 1, 0])[here],
        )
        steps.append(backend.step(rows))
    return torch.cat(steps)


def difference(model: DalleBart, kind: Kind) -> float:
    expected = all_logits(EagerBackend(model, NUM_CODES, 5), model.config)
    found = all_logits(NativeBackend(model, NUM_CODES, 5, kind), model.config)
    return float((found - expected).abs().max() / expected.std())


@pytest.fixture(params=instruction_sets())
def each_set(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit the module to each set of instructions in turn."""
    monkeypatch.setenv(LIMIT_VARIABLE, request.param)


@pytest.mark.usefixtures("each_set")
@pytest.mark.parametrize("kind", kinds())
def test_logits_are_those_of_the_model_within_the_format(kind: Kind) -> None:
    assert difference(build_dallebart(), kind) < TOLERANCE[kind]


@pytest.mark.usefixtures("each_set")
@pytest.mark.parametrize("kind", kinds())
@pytest.mark.parametrize(("d_model", "heads"), [(96, 1), (64, 4), (256, 1), (160, 2)])
def test_attention_over_many_positions_is_that_of_the_model(
    kind: Kind, d_model: int, heads: int
) -> None:
    sizes: dict[str, Any] = {
        "d_model": d_model,
        "decoder_attention_heads": heads,
        "image_length": 37,
    }
    model = build_dallebart(dataclasses.replace(DALLEBART, **sizes))
    assert difference(model, kind) < TOLERANCE[kind]


@pytest.mark.native("float32")
@pytest.mark.parametrize(
    "changes",
    [
        *({"activation_function": name} for name in ACTIVATIONS),
        {"force_ln_scale": True},
        {"use_final_ln_decoder": False},
        {"use_absolute_position_embeddings": False},
        {"scale_embedding": True},
        {"decoder_ffn_dim": 51},
        {"d_model": 96, "decoder_attention_heads": 1, "image_length": 20},
    ],
)
def test_every_option_that_it_takes_is_computed_right(changes: dict[str, Any]) -> None:
    model = build_dallebart(dataclasses.replace(DALLEBART, **changes))
    assert difference(model, "float32") < TOLERANCE["float32"]


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"ln_type": "rmsnorm"}, "rmsnorm"),
        ({"use_bias": True}, "use_bias"),
        ({"use_head_scale": True}, "use_head_scale"),
        ({"use_cosine_attention": True}, "use_cosine_attention"),
        ({"use_glu": False}, "use_glu"),
        ({"activation_function": "smelu"}, "smelu"),
        ({"decoder_attention_heads": 4}, "head width of 8"),
        ({"d_model": 272, "decoder_attention_heads": 1}, "head width of 272"),
    ],
)
def test_an_option_that_it_does_not_do_is_refused(changes: dict[str, Any], option: str) -> None:
    model = build_dallebart(dataclasses.replace(DALLEBART, **changes))
    with pytest.raises(UnsupportedOptionError, match=option):
        NativeBackend(model, NUM_CODES, 2, "float32")


@pytest.mark.usefixtures("each_set")
@pytest.mark.parametrize("kind", kinds())
@pytest.mark.parametrize("num_slots", [1, 7])
def test_every_kind_is_deterministic(kind: Kind, num_slots: int) -> None:
    backend = NativeBackend(build_dallebart(), NUM_CODES, num_slots, kind)
    assert check_backend(backend, DALLEBART, NUM_CODES, num_slots).is_deterministic


PARAMS = SamplingParams(seed=5, count=6, condition_scale=3.0, top_k=20)


@pytest.mark.native("float32")
def test_float32_draws_what_the_specification_draws() -> None:
    model = build_dallebart()
    harness = build_harness(
        NativeBackend(model, NUM_CODES, 4, "float32"), EngineConfig(num_slots=4)
    )
    unguided = dataclasses.replace(PARAMS, condition_scale=1.0)
    harness.submit(DrawRequest("a", "words", PARAMS), text_of((40, 41), (77,)))
    harness.submit(DrawRequest("b", "words", unguided), text_of((90,)))
    harness.run()
    for name, text, params in (
        ("a", text_of((40, 41), (77,)), PARAMS),
        ("b", text_of((90,)), unguided),
    ):
        drawn = {index: list(codes) for index, codes in harness.codes(name).items()}
        assert drawn == reference(model, text, params)


@pytest.mark.parametrize("kind", kinds("bfloat16", "int8"))
def test_a_picture_is_the_same_alone_in_a_full_batch_and_joining_late(kind: Kind) -> None:
    model = build_dallebart()
    drawn: list[dict[int, tuple[int, ...]]] = []
    for num_before, num_slots in ((0, 9), (4, 9), (7, 3)):
        harness = build_harness(
            NativeBackend(model, NUM_CODES, num_slots, kind), EngineConfig(num_slots=num_slots)
        )
        for number in range(num_before):
            other = dataclasses.replace(PARAMS, seed=number, count=1 + number % 3)
            harness.submit(DrawRequest(f"o{number}", "x", other, "o"), text_of((50 + number,)))
            harness.core.step(0.0)
        harness.submit(DrawRequest("own", "x", PARAMS), text_of((40, 41)))
        harness.run()
        drawn.append(harness.codes("own"))
    assert drawn[0] == drawn[1] == drawn[2]


@pytest.mark.native("float32")
@pytest.mark.parametrize("stored", [torch.float16, torch.bfloat16])
def test_weights_in_half_precision_are_packed_from_it(
    tiny_model: Path, stored: torch.dtype
) -> None:
    """A model that is stored in half precision is drawn as if its numbers were float32."""
    half = build_dallebart().to(stored)
    expected = NativeBackend(half.float(), NUM_CODES, 5, "float32")
    folder = shutil.copytree(tiny_model, tiny_model.parent / str(stored))
    config = read_config(tiny_model)
    states: dict[Network, Mapping[str, Tensor]] = {
        "dallebart": build_dallebart().to(stored).state_dict(),
        "vqgan": load_state(tiny_model, "vqgan"),
    }
    files = {"tokenizer.json": tiny_model / "tokenizer.json"}
    save_model(folder, dataclasses.replace(config, clip=None), states, files, replace=True)
    found = load_native(folder, "native-float32", NUM_CODES, 5)
    assert torch.equal(all_logits(found, DALLEBART), all_logits(expected, DALLEBART))


@pytest.mark.native("float32")
def test_an_exact_encoder_takes_no_memory_between_texts(tiny_model: Path, tmp_path: Path) -> None:
    """Its weights stay in the file, whose pages are given back after a text and come again."""
    config = read_config(tiny_model)
    sizes = dataclasses.replace(config.dallebart, encoder_ffn_dim=1 << 14)
    model = DalleBart(sizes).eval()
    states: dict[Network, Mapping[str, Tensor]] = {
        "dallebart": model.state_dict(),
        "vqgan": load_state(tiny_model, "vqgan"),
    }
    files = {"tokenizer.json": tiny_model / "tokenizer.json"}
    folder = tmp_path / "model"
    save_model(folder, dataclasses.replace(config, dallebart=sizes, clip=None), states, files)
    expected = all_logits(NativeBackend(model, NUM_CODES, 5, "float32"), sizes)
    found = load_native(folder, "native-float32", NUM_CODES, 5)
    for _ in range(2):
        assert torch.equal(all_logits(found, sizes), expected)
        assert mapped_bytes(folder / weights_file("dallebart")) < 2 << 20  # of 12 MiB
