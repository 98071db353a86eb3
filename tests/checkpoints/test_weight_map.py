"""Weight maps: a bijection between published and own tensors, or an error that names the tensor."""

from collections.abc import Mapping

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ninefold.checkpoints import dallebart, vqgan
from ninefold.checkpoints.tensor_source import JoinedSource, TensorSpec, stream_of
from ninefold.checkpoints.weight_map import (
    FLAX_DENSE,
    Layout,
    WeightMap,
    WeightRow,
    check_names,
    module_rows,
)
from ninefold.errors import CheckpointError
from ninefold.models.dallebart import DalleBart, DalleBartConfig
from ninefold.models.vqgan import VQGAN
from tests.checkpoints.published_files import published
from tests.tiny import VQGAN_CONFIG


class MemorySource:
    """Tensors in memory under published names."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.label = "this file"
        self.tensors = tensors
        self.specs = stream_of(tensors).specs

    def read(self, name: str, index: int | None = None) -> Tensor:
        return self.tensors[name] if index is None else self.tensors[name][index]


def assert_round_trip(weight_map: WeightMap, state: Mapping[str, Tensor]) -> None:
    source = MemorySource(published(weight_map, state))
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    stream = weight_map.convert(source, shapes)
    converted = dict(stream)
    assert list(converted) == list(state)
    for name, tensor in state.items():
        assert torch.equal(converted[name], tensor), name
        assert converted[name].is_contiguous()
        assert stream.specs[name] == TensorSpec(tuple(tensor.shape), tensor.dtype)


configs = st.builds(
    DalleBartConfig,
    encoder_layers=st.integers(1, 2),
    decoder_layers=st.sampled_from([1, 2, 11]),
    d_model=st.just(8),
    encoder_attention_heads=st.sampled_from([1, 2]),
    decoder_attention_heads=st.sampled_from([2, 4]),
    encoder_ffn_dim=st.integers(3, 9),
    decoder_ffn_dim=st.integers(3, 9),
    encoder_vocab_size=st.integers(5, 9),
    image_vocab_size=st.integers(5, 9),
    max_text_length=st.integers(1, 4),
    image_length=st.just(4),
    decoder_start_token_id=st.just(4),
    use_bias=st.booleans(),
    use_glu=st.booleans(),
    force_ln_scale=st.booleans(),
    use_head_scale=st.booleans(),
    use_final_ln_encoder=st.booleans(),
    ln_type=st.sampled_from(["layernorm", "rmsnorm"]),
)


def random_state(model: torch.nn.Module) -> dict[str, Tensor]:
    return {name: torch.rand(tensor.shape) for name, tensor in model.state_dict().items()}


@settings(max_examples=25)
@given(config=configs, is_scanned=st.booleans())
def test_every_tensor_of_every_dallebart_has_one_place_in_flax(
    config: DalleBartConfig, is_scanned: bool
) -> None:
    weight_map = dallebart.flax_map(is_scanned=is_scanned, use_glu=config.use_glu)
    assert_round_trip(weight_map, random_state(DalleBart(config)))


@settings(max_examples=10)
@given(config=configs.filter(lambda c: c.use_glu and not c.use_head_scale))
def test_every_tensor_of_every_gated_dallebart_has_one_place_in_min_dalle(
    config: DalleBartConfig,
) -> None:
    assert_round_trip(dallebart.min_dalle_map(), random_state(DalleBart(config)))


@pytest.mark.parametrize("weight_map", [vqgan.FLAX, vqgan.TAMING], ids=["flax", "taming"])
def test_every_tensor_of_the_vqgan_has_one_place(weight_map: WeightMap) -> None:
    assert_round_trip(weight_map, random_state(VQGAN(VQGAN_CONFIG)))


TABLE = WeightMap(
    {
        **module_rows({"layers/fc": "layers.{}.fc"}, FLAX_DENSE, is_stacked=True),
        "out_{}/kernel": WeightRow("out.{}.weight", Layout.DENSE),
        "step": None,
        "loss.*": None,
    }
)
TARGETS = {"layers.0.fc.weight": (2, 3), "layers.1.fc.weight": (2, 3), "out.7.weight": (4, 5)}
SOURCE = {"layers/fc/kernel": torch.ones(2, 3, 2), "out_7/kernel": torch.ones(5, 4)}


def refusal(tensors: Mapping[str, Tensor]) -> str:
    with pytest.raises(CheckpointError) as caught:
        TABLE.convert(MemorySource(tensors), TARGETS, "the test model")
    message = str(caught.value)
    assert message.startswith("this file does not hold the test model: ")
    assert "\n" not in message
    return message


def test_dropped_tensors_are_known_by_name_alone() -> None:
    extra = {"step": torch.ones(1).int(), "loss.disc.0.weight": torch.ones(9)}
    assert len(dict(TABLE.convert(MemorySource(SOURCE | extra), TARGETS))) == 3
    assert "1 that it does not have (my.loss.x)" in refusal(SOURCE | {"my.loss.x": torch.ones(1)})


def test_a_missing_tensor_is_named_as_the_file_would_name_it() -> None:
    assert "1 missing (layers/fc/kernel)" in refusal({"out_7/kernel": SOURCE["out_7/kernel"]})


def test_a_tensor_that_no_row_fills_is_named_as_ours() -> None:
    with pytest.raises(CheckpointError, match=r"1 missing \(gate\.weight\)"):
        TABLE.convert(MemorySource(SOURCE), TARGETS | {"gate.weight": (1,)})


def test_a_tensor_too_many_is_named() -> None:
    assert "1 that it does not have (out_8/kernel)" in refusal(
        SOURCE | {"out_8/kernel": torch.ones(5, 4)}
    )


@pytest.mark.parametrize(
    "name", ["out_07/kernel", "out_7/kernel/x", "xout_7/kernel", "out_/kernel"]
)
def test_names_that_only_resemble_a_row_are_not_taken_for_it(name: str) -> None:
    assert name in refusal(SOURCE | {name: torch.ones(5, 4)})


def test_a_tensor_of_another_shape_is_named_with_both_shapes() -> None:
    message = refusal(SOURCE | {"out_7/kernel": torch.ones(4, 5)})
    assert "1 of the wrong kind (out_7/kernel is [4, 5], not [5, 4])" in message


def test_too_few_or_too_many_stacked_layers_are_refused() -> None:
    for layers in (1, 3):
        message = refusal(SOURCE | {"layers/fc/kernel": torch.ones(layers, 3, 2)})
        assert f"layers/fc/kernel is [{layers}, 3, 2], not [2, 3, 2]" in message


def test_integers_are_no_weights() -> None:
    message = refusal(SOURCE | {"out_7/kernel": torch.ones(5, 4).int()})
    assert "holds torch.int32, not floats" in message


def test_of_many_wrong_tensors_the_first_are_named_and_all_counted() -> None:
    message = refusal({f"junk_{i}": torch.ones(1) for i in range(9)})
    assert "2 missing (layers/fc/kernel, out_7/kernel)" in message
    assert "9 that it does not have (junk_0, junk_1, junk_2, junk_3, and 5 more)" in message


def test_two_rows_may_not_fill_one_tensor() -> None:
    with pytest.raises(AssertionError, match="two rows"):
        WeightMap({"a": WeightRow("x"), "b": WeightRow("x")})


def test_joined_sources_read_by_their_prefix() -> None:
    parts = {"a": MemorySource({"x.y": torch.ones(2)}), "b": MemorySource({"x.y": torch.zeros(2)})}
    source = JoinedSource("both", parts)
    assert list(source.specs) == ["a.x.y", "b.x.y"]
    assert source.read("b.x.y").sum() == 0
    assert source.read("a.x.y", 1) == 1


def test_own_names_are_checked_as_strictly() -> None:
    specs = {"a": TensorSpec((2,), torch.float32), "b": TensorSpec((3,), torch.float16)}
    check_names("file", specs, {"a": (2,), "b": (3,)}, "the model")
    for targets, message in (
        ({"a": (2,)}, r"1 that it does not have \(b\)"),
        ({"a": (2,), "b": (3,), "c": (1,)}, r"1 missing \(c\)"),
        ({"a": (2,), "b": (4,)}, r"b is \[3\], not \[4\]"),
    ):
        with pytest.raises(CheckpointError, match=message):
            check_names("file", specs, targets, "the model")
