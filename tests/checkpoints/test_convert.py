"""Conversion: what a folder holds is told by its files, and every format gives the same model."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ninefold.checkpoints.convert import (
    ModelSources,
    SourceFormat,
    convert_dallebart,
    convert_flax_dallebart,
    convert_min_dalle,
    convert_model,
    convert_vqgan,
    detect_formats,
)
from ninefold.checkpoints.flax_msgpack import FlaxFile
from ninefold.checkpoints.load import load_clip, load_dallebart, load_vqgan
from ninefold.checkpoints.model_folder import read_config
from ninefold.errors import CheckpointError, UnsupportedOptionError, UserError
from ninefold.text import TextTokenizer
from tests.checkpoints.published_files import GOLDEN, nested, pack
from tests.tiny import CLIP_CONFIG, build_clip

MINI, MEGA, VQGAN = (GOLDEN / name for name in ("tiny_mini", "tiny_mega", "tiny_vqgan"))
FLAX = ("config.json", "flax_model.msgpack")
TORCH = ("encoder.pt", "decoder.pt")


def copy(source: Path, names: tuple[str, ...], target: Path) -> Path:
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copy(source / name, target / name)
    return target


def change_config(folder: Path, change: dict[str, Any]) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    return folder


def taming_state() -> dict[str, Tensor]:
    return dict(convert_vqgan(VQGAN)[1])


def detoker_state() -> dict[str, Tensor]:
    """The decoder half of the tiny VQGAN as min-dalle names it."""
    return {
        name.removeprefix("quantize."): tensor
        for name, tensor in taming_state().items()
        if name.startswith(("decoder.", "post_quant_conv.", "quantize."))
    }


@pytest.mark.parametrize("folder", [MINI, MEGA], ids=["mini", "mega"])
def test_both_formats_of_the_transformer_are_the_same_tensors(folder: Path) -> None:
    flax, torch_files = convert_flax_dallebart(folder), convert_min_dalle(folder)
    assert flax.config == torch_files.config
    assert flax.stream.specs == torch_files.stream.specs
    from_torch = dict(torch_files.stream)
    for name, tensor in flax.stream:
        assert torch.equal(tensor, from_torch[name]), name


def test_all_formats_of_the_vqgan_are_the_same_tensors(tmp_path: Path) -> None:
    flax = taming_state()
    junk = {"loss.discriminator.main.0.weight": torch.ones(1)}
    torch.save({"state_dict": flax | junk, "epoch": 1}, tmp_path / "last.ckpt")
    config, stream = convert_vqgan(tmp_path)
    assert config.has_encoder
    assert all(torch.equal(tensor, flax[name]) for name, tensor in stream)
    assert stream.specs.keys() == flax.keys()


def test_the_decoder_alone_becomes_a_model_without_encoder(tmp_path: Path) -> None:
    torch.save(detoker_state(), tmp_path / "detoker.pt")
    config, stream = convert_vqgan(tmp_path)
    assert not config.has_encoder
    full = taming_state()
    tensors = dict(stream)
    assert all(torch.equal(tensor, full[name]) for name, tensor in tensors.items())
    assert {name.split(".")[0] for name in full.keys() - tensors.keys()} == {
        "encoder",
        "quant_conv",
    }


def test_a_model_is_whole_after_conversion(tmp_path: Path) -> None:
    words = tmp_path / "enwiki-words-frequency.txt"
    words.write_text("the 1\n")
    sources = ModelSources(MEGA, VQGAN, words=words)
    config = convert_model(sources, tmp_path / "model", name="tiny", licence="none")
    assert read_config(tmp_path / "model") == config
    assert config.normalize_text
    assert config.picture_size == 64
    assert sorted(config.files) == [
        "dallebart.safetensors",
        "enwiki-words-frequency.txt",
        "tokenizer.json",
        "vqgan.safetensors",
    ]
    ids = TextTokenizer.from_folder(tmp_path / "model").encode(" an avocado").ids
    assert ids == TextTokenizer.from_folder(MEGA).encode(" an avocado").ids
    expected = dict(convert_dallebart(MEGA).stream)
    state = load_dallebart(tmp_path / "model").state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in expected.items())
    assert load_vqgan(tmp_path / "model").config == config.vqgan


def test_the_transformer_alone_is_stored_in_another_format(tmp_path: Path) -> None:
    sources = ModelSources(copy(MINI, (*FLAX, "vocab.json", "merges.txt"), tmp_path / "in"), VQGAN)
    convert_model(sources, tmp_path / "model", name="t", licence="n", dtype=torch.float16)
    sizes = {path.stem: path.stat().st_size for path in (tmp_path / "model").iterdir()}
    assert sizes["dallebart"] < 0.52 * (MINI / "flax_model.msgpack").stat().st_size
    assert sizes["vqgan"] > 0.98 * (VQGAN / "flax_model.msgpack").stat().st_size
    weight = load_dallebart(tmp_path / "model").lm_head.weight
    exact = dict(convert_dallebart(MINI).stream)["lm_head.weight"]
    assert torch.equal(weight, exact.half().float())


def write_clip(folder: Path) -> Path:
    """A CLIP in the published layout, with a stand-in for its tokenizer."""
    config = CLIP_CONFIG
    text = {"vocab_size": config.vocab_size, "max_position_embeddings": config.max_positions}
    vision = {"image_size": config.image_size, "patch_size": config.patch_size}
    for options, tower in ((text, "text"), (vision, "vision")):
        options |= {
            "hidden_size": getattr(config, f"{tower}_width"),
            "num_hidden_layers": getattr(config, f"{tower}_layers"),
            "num_attention_heads": getattr(config, f"{tower}_heads"),
            "intermediate_size": getattr(config, f"{tower}_intermediate_size"),
        }
    values = {
        "model_type": "clip",
        "projection_dim": config.projection_dim,
        "text_config": text,
        "vision_config": vision,
    }
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(values))
    (folder / "tokenizer.json").write_text("{}")
    torch.save(build_clip().state_dict(), folder / "pytorch_model.bin")
    return folder


def test_a_clip_comes_with_its_tokenizer(tmp_path: Path) -> None:
    folder = write_clip(tmp_path / "clip")
    assert detect_formats(folder) == [SourceFormat.CLIP]
    sources = ModelSources(MINI, VQGAN, clip=folder)
    convert_model(sources, tmp_path / "model", name="t", licence="n")
    assert (tmp_path / "model" / "clip_tokenizer.json").read_text() == "{}"
    clip = load_clip(tmp_path / "model")
    assert clip is not None
    assert all(torch.equal(clip.state_dict()[n], t) for n, t in build_clip().state_dict().items())


def test_an_existing_model_is_kept_unless_replacing_was_asked_for(tmp_path: Path) -> None:
    sources = ModelSources(MINI, VQGAN)
    convert_model(sources, tmp_path / "model", name="old", licence="none")
    with pytest.raises(UserError, match="is not empty"):
        convert_model(sources, tmp_path / "model", name="new", licence="none")
    assert read_config(tmp_path / "model").name == "old"
    convert_model(sources, tmp_path / "model", name="new", licence="none", replace=True)
    assert read_config(tmp_path / "model").name == "new"


@pytest.mark.parametrize(
    ("source", "names", "expected"),
    [
        (MINI, FLAX, SourceFormat.FLAX_DALLEBART),
        (MINI, TORCH, SourceFormat.MIN_DALLE),
        (VQGAN, FLAX, SourceFormat.FLAX_VQGAN),
    ],
)
def test_a_format_is_told_by_its_files(
    tmp_path: Path, source: Path, names: tuple[str, ...], expected: SourceFormat
) -> None:
    assert detect_formats(copy(source, names, tmp_path / "in")) == [expected]


def test_a_folder_may_hold_several_formats(tmp_path: Path) -> None:
    for name in ("encoder.pt", "decoder.pt", "detoker.pt", "last.ckpt"):
        (tmp_path / name).touch()
    assert detect_formats(tmp_path) == [
        SourceFormat.MIN_DALLE,
        SourceFormat.TAMING,
        SourceFormat.DETOKER,
    ]
    for values, expected in (
        ({"model_type": "clip"}, SourceFormat.CLIP),
        ({"format": "ninefold-1"}, SourceFormat.NINEFOLD),
    ):
        (tmp_path / "config.json").write_text(json.dumps(values))
        assert expected in detect_formats(tmp_path)


@pytest.mark.parametrize("names", [(), ("config.json",), ("encoder.pt",), FLAX[1:]])
def test_a_folder_with_nothing_known_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    folder = copy(MINI, names, tmp_path / "in")
    with pytest.raises(UserError, match="holds no weights that are known: neither flax_model"):
        detect_formats(folder)
    with pytest.raises(UserError, match="is not a folder"):
        detect_formats(tmp_path / "absent")


def test_the_wrong_part_is_called_by_its_name() -> None:
    with pytest.raises(UserError, match="holds a flax VQGAN, not a DalleBart; name another"):
        convert_dallebart(VQGAN)
    with pytest.raises(UserError, match=r"holds a flax DalleBart, a min-dalle .*, not a VQGAN"):
        convert_vqgan(MINI)


def test_of_several_training_checkpoints_none_is_guessed(tmp_path: Path) -> None:
    for name in ("epoch1.ckpt", "epoch2.ckpt"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"holds 2 \.ckpt files; leave the one"):
        convert_vqgan(tmp_path)


DAMAGES = {
    "a missing tensor": "1 missing (lm_head/kernel)",
    "an extra tensor": "1 that it does not have (model/extra)",
    "a wrong shape": "lm_head/kernel is [513, 64], not [64, 513]",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_flax_weights_that_are_not_exactly_the_model_are_refused(
    tmp_path: Path, damage: str
) -> None:
    folder = copy(MINI, FLAX, tmp_path / "in")
    tensors = dict(FlaxFile(folder / "flax_model.msgpack"))
    if damage == "a missing tensor":
        del tensors["lm_head/kernel"]
    elif damage == "an extra tensor":
        tensors["model/extra"] = torch.ones(1)
    else:
        tensors["lm_head/kernel"] = tensors["lm_head/kernel"].T
    (folder / "flax_model.msgpack").write_bytes(pack(nested(tensors)))
    with pytest.raises(CheckpointError) as refusal:
        convert_model(ModelSources(folder, VQGAN), tmp_path / "out", name="t", licence="n")
    assert DAMAGES[damage] in str(refusal.value)
    assert not (tmp_path / "out").exists()


def test_a_scale_is_taken_if_and_only_if_the_model_has_one(tmp_path: Path) -> None:
    folder = copy(MINI, (*TORCH, "config.json"), tmp_path / "in")
    state = torch.load(folder / "encoder.pt", weights_only=True)
    torch.save(state | {"final_ln.weight": torch.ones(64)}, folder / "encoder.pt")
    with pytest.raises(CheckpointError, match=r"does not have \(encoder\.final_ln\.weight\)"):
        convert_dallebart(folder)
    change_config(folder, {"force_ln_scale": True})
    with pytest.raises(CheckpointError, match=r"missing \(.*pre_self_attn_layer_norm\.weight"):
        convert_dallebart(folder)


def test_layers_that_are_missing_from_the_stack_are_noticed(tmp_path: Path) -> None:
    folder = change_config(copy(MEGA, FLAX, tmp_path / "in"), {"decoder_layers": 4})
    with pytest.raises(CheckpointError, match=r"LayerNorm_0/bias is \[3, 64\], not \[4, 64\]"):
        convert_dallebart(folder)


def test_an_unsupported_option_is_named(tmp_path: Path) -> None:
    folder = change_config(copy(MINI, FLAX, tmp_path / "in"), {"ln_positions": "swinv2"})
    with pytest.raises(UnsupportedOptionError, match="ln_positions='swinv2'"):
        convert_dallebart(folder)


def test_a_min_dalle_folder_of_unknown_width_needs_its_configuration(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no config\.json, and a model of width 64"):
        convert_dallebart(copy(MINI, TORCH, tmp_path / "in"))


def test_parts_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    folder = copy(VQGAN, FLAX, tmp_path / "vqgan")
    tensors = dict(FlaxFile(folder / "flax_model.msgpack"))
    tensors["quantize/embedding/embedding"] = torch.ones(600, 40)
    (folder / "flax_model.msgpack").write_bytes(pack(nested(tensors)))
    change_config(folder, {"n_embed": 600})
    with pytest.raises(CheckpointError, match=r"parts of t do not belong together: .* 600 codes"):
        convert_model(ModelSources(MINI, folder), tmp_path / "out", name="t", licence="n")


@pytest.mark.parametrize("missing", ["words", "tokenizer"])
def test_a_part_that_is_not_there_is_named(tmp_path: Path, missing: str) -> None:
    if missing == "words":
        sources = ModelSources(MINI, VQGAN, words=tmp_path / "words.txt")
    else:
        sources = ModelSources(copy(MINI, FLAX, tmp_path / "in"), VQGAN)
    with pytest.raises((UserError, CheckpointError), match=r"words\.txt is missing|vocab\.json"):
        convert_model(sources, tmp_path / "out", name="t", licence="n")
    assert not (tmp_path / "out").exists()
