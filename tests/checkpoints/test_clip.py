"""Laws of reading CLIP folders: every key accounted for, config.json believed where it fits."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPConfig as TheirConfig
from transformers import CLIPModel

from ninefold.checkpoints.clip import load_clip_folder, read_clip_config
from ninefold.errors import CheckpointError, UnsupportedOptionError, UserError
from ninefold.models.clip import CLIP, CLIPConfig

TEXT = {
    "vocab_size": 30,
    "hidden_size": 12,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 8,
    "bos_token_id": 28,
    "eos_token_id": 29,
}
VISION = {
    "image_size": 16,
    "patch_size": 8,
    "hidden_size": 12,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
}
TINY = CLIPConfig(
    projection_dim=8,
    image_size=16,
    patch_size=8,
    vision_width=12,
    vision_layers=2,
    vision_heads=3,
    vision_intermediate_size=16,
    vocab_size=30,
    max_positions=8,
    text_width=12,
    text_layers=1,
    text_heads=2,
    text_intermediate_size=16,
    eos_token_id=29,
)


@pytest.fixture(scope="module")
def theirs() -> CLIPModel:
    torch.manual_seed(0)
    return CLIPModel(TheirConfig(text_config=TEXT, vision_config=VISION, projection_dim=8))


@pytest.fixture
def folder(theirs: CLIPModel, tmp_path: Path) -> Path:
    """Write a folder as `transformers` saves it today."""
    theirs.save_pretrained(tmp_path)
    return tmp_path


def old_state(theirs: CLIPModel) -> dict[str, Tensor]:
    """Tensors as the first published files have them, with the numbers of the positions."""
    return {
        **theirs.state_dict(),
        "text_model.embeddings.position_ids": torch.arange(8)[None],
        "vision_model.embeddings.position_ids": torch.arange(5)[None],
    }


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def assert_loads(folder: Path, theirs: CLIPModel) -> None:
    config, stream = load_clip_folder(folder)
    ours = CLIP(config)
    ours.load_state_dict(dict(stream), strict=True)
    assert {name: spec.shape for name, spec in stream.specs.items()} == {
        name: tuple(tensor.shape) for name, tensor in ours.state_dict().items()
    }
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], tensor), name
    assert config == TINY


def test_a_folder_that_transformers_saved_loads(folder: Path, theirs: CLIPModel) -> None:
    assert_loads(folder, theirs)


def test_older_safetensors_load_without_their_position_ids(folder: Path, theirs: CLIPModel) -> None:
    save_file(old_state(theirs), folder / "model.safetensors")
    assert_loads(folder, theirs)


def test_a_pytorch_file_loads_without_its_position_ids(folder: Path, theirs: CLIPModel) -> None:
    (folder / "model.safetensors").unlink()
    torch.save(old_state(theirs), folder / "pytorch_model.bin")
    assert_loads(folder, theirs)


def test_the_tensors_can_be_streamed_again(folder: Path) -> None:
    _, stream = load_clip_folder(folder)
    first, second = dict(stream), dict(stream)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("logit_scale", None, r"1 missing \(logit_scale\)"),
        ("visual_projection.bias", torch.zeros(8), r"does not have \(visual_projection.bias\)"),
        ("logit_scale", torch.zeros(1), r"logit_scale is \[1\], not \[\]"),
        ("logit_scale", torch.tensor(1), "holds torch.int64, not floats"),
    ],
)
def test_weights_of_another_model_are_refused(
    folder: Path, theirs: CLIPModel, name: str, tensor: Tensor | None, message: str
) -> None:
    state = theirs.state_dict()
    state.pop(name, None)
    if tensor is not None:
        state[name] = tensor
    save_file(state, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=message):
        load_clip_folder(folder)


def test_the_shape_of_config_json_must_be_that_of_the_weights(folder: Path) -> None:
    change_config(folder, projection_dim=9)
    with pytest.raises(CheckpointError, match=r"\[8, 12\], not \[9, 12\]"):
        load_clip_folder(folder)


def test_a_pickle_that_would_run_code_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"logit_scale": json.dumps}, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="can run code"):
        load_clip_folder(folder)


def test_a_folder_without_weights_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"neither model\.safetensors nor pytorch_model\.bin"):
        load_clip_folder(folder)


def test_a_folder_without_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"config\.json could not be read"):
        load_clip_folder(tmp_path)


def write_config(folder: Path, **content: Any) -> Path:
    (folder / "config.json").write_text(json.dumps({"model_type": "clip", **content}))
    return folder


def test_what_config_json_leaves_out_is_vit_b32(tmp_path: Path) -> None:
    assert read_clip_config(write_config(tmp_path)) == CLIPConfig()


def test_vit_b16_as_published_is_read(tmp_path: Path) -> None:
    text = {"eos_token_id": 2, "hidden_act": "quick_gelu", "hidden_size": 512, "top_k": 50}
    vision = {"patch_size": 16, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-05}
    write_config(tmp_path, text_config=text, vision_config=vision, projection_dim=512)
    assert read_clip_config(tmp_path) == CLIPConfig(patch_size=16)


def test_the_legacy_end_of_text_stands_for_the_highest_id(tmp_path: Path) -> None:
    assert read_clip_config(write_config(tmp_path, text_config={"eos_token_id": 2})) == CLIPConfig()
    config = read_clip_config(write_config(tmp_path, text_config={"eos_token_id": 49407}))
    assert config.eos_token_id == 49407


def test_options_of_older_files_override_the_newer_ones(tmp_path: Path) -> None:
    write_config(tmp_path, vision_config={"patch_size": 32}, vision_config_dict={"patch_size": 16})
    assert read_clip_config(tmp_path).patch_size == 16


def test_pixel_statistics_come_from_the_preprocessor(tmp_path: Path) -> None:
    write_config(tmp_path)
    statistics = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(statistics))
    config = read_clip_config(tmp_path)
    assert config.image_mean == (0.5, 0.5, 0.5)
    assert config.image_std == (0.25, 0.25, 0.25)


def test_published_statistics_are_used_without_a_preprocessor(tmp_path: Path) -> None:
    config = read_clip_config(write_config(tmp_path))
    assert config.image_mean == pytest.approx((0.481, 0.458, 0.408), abs=1e-3)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ({"model_type": "siglip"}, CheckpointError, "model type 'siglip', not 'clip'"),
        ({"text_config": 3}, CheckpointError, "text_config is not a JSON object"),
        ({"projection_dim": "8"}, CheckpointError, 'projection_dim cannot be "8"'),
        ({"projection_dim": 0}, CheckpointError, "projection_dim=0 must be at least 1"),
        ({"vision_config": {"image_size": 225}}, CheckpointError, "must be a multiple"),
        ({"vision_config": {"num_channels": 4}}, UnsupportedOptionError, "num_channels=4"),
        ({"text_config": {"hidden_act": "gelu"}}, UnsupportedOptionError, "hidden_act differs"),
        (
            {"text_config": {"layer_norm_eps": 1e-6}},
            UnsupportedOptionError,
            "layer_norm_eps differs",
        ),
    ],
)
def test_a_config_that_is_not_ours_is_refused(
    tmp_path: Path, content: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_clip_config(write_config(tmp_path, **content))


def test_statistics_without_three_colours_are_refused(tmp_path: Path) -> None:
    write_config(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5]}))
    with pytest.raises(CheckpointError, match="three each"):
        read_clip_config(tmp_path)
