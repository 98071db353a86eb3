"""Verification: a sound model passes every check, and every kind of damage fails the right one."""

import dataclasses
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ninefold.checkpoints.model_folder import ModelConfig, load_state, read_config, save_model
from ninefold.checkpoints.registry import REGISTRY, ModelSpec
from ninefold.checkpoints.verify import Check, verify_model
from tests import tiny

TOKENIZER = Path(__file__).parents[1] / "golden" / "tiny_mini" / "tokenizer.json"
CONFIG = ModelConfig(
    name="tiny",
    licence="Apache-2.0",
    preset="dalle-mini",
    dallebart=tiny.DALLEBART,
    vqgan=tiny.VQGAN_CONFIG,
    clip=tiny.CLIP_CONFIG,
    picture_size=16,
)
NAMES = ["configuration", "tokenizer", "files", "transformer", "VQGAN", "CLIP", "logits", "drawing"]


def save(folder: Path, config: ModelConfig = CONFIG, **changed: dict[str, Tensor]) -> Path:
    networks = {
        "dallebart": tiny.build_dallebart().state_dict(),
        "vqgan": tiny.build_vqgan(config.vqgan).state_dict(),
        "clip": tiny.build_clip().state_dict(),
    }
    kept = {name: {**tensors, **changed.get(name, {})} for name, tensors in networks.items()}
    if config.clip is None:
        del kept["clip"]
    save_model(folder, config, kept, {"tokenizer.json": TOKENIZER})  # type: ignore[arg-type]  # str keys
    return folder


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sound, tmp_path / "tiny")


def outcome(checks: list[Check]) -> dict[str, bool]:
    return {check.name: check.passed for check in checks}


def seen(checks: list[Check], name: str) -> str:
    return next(check.seen for check in checks if check.name == name)


def test_a_sound_model_passes_every_check_and_tells_each_as_it_is_done(sound: Path) -> None:
    told: list[Check] = []
    checks = verify_model(sound, on_check=told.append)
    assert outcome(checks) == dict.fromkeys(NAMES, True)
    assert told == checks
    assert "4 files have the recorded sizes and hashes" in seen(checks, "files")
    assert "16 × 16 pixels, finite, from " in seen(checks, "drawing")


def test_a_model_without_clip_is_sound(tmp_path: Path) -> None:
    checks = verify_model(save(tmp_path / "m", dataclasses.replace(CONFIG, clip=None)))
    assert outcome(checks) == {name: True for name in NAMES if name != "CLIP"}


def test_parameter_counts_are_compared_with_those_of_the_published_model(sound: Path) -> None:
    found = sum(p.numel() for p in tiny.build_dallebart().parameters())
    spec = ModelSpec("tiny", "", "", "", dallebart_parameters=found, vqgan_parameters=1)
    checks = verify_model(sound, spec)
    assert outcome(checks)["transformer"]
    assert not outcome(checks)["VQGAN"]
    assert seen(checks, "VQGAN").endswith("where the published model has 1.")


def test_a_vqgan_without_its_encoder_is_not_compared(tmp_path: Path) -> None:
    half = dataclasses.replace(tiny.VQGAN_CONFIG, has_encoder=False)
    folder = save(tmp_path / "m", dataclasses.replace(CONFIG, vqgan=half))
    assert outcome(verify_model(folder, ModelSpec("tiny", "", "", "", vqgan_parameters=1)))["VQGAN"]


def test_token_ids_are_compared_with_the_recorded_ones(sound: Path) -> None:
    ids = tuple(
        int(i) for i in seen(verify_model(sound), "tokenizer").split("[")[1][:-1].split(",")
    )
    right = ModelSpec("tiny", "", "", "", golden_tokens=(("a red apple", ids),))
    wrong = ModelSpec("tiny", "", "", "", golden_tokens=(("a red apple", (0, 5, 2)),))
    assert "1 recorded prompts have" in seen(verify_model(sound, right), "tokenizer")
    checks = verify_model(sound, wrong)
    assert not outcome(checks)["tokenizer"]
    assert "not [0, 5, 2] as recorded." in seen(checks, "tokenizer")


def test_another_tokenizer_than_the_published_one_is_found_out(sound: Path) -> None:
    assert not outcome(verify_model(sound, REGISTRY["mini"]))["tokenizer"]


def test_a_changed_file_fails_its_hash(folder: Path) -> None:
    path = folder / "clip.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    checks = verify_model(folder)
    assert outcome(checks) == {**dict.fromkeys(NAMES, True), "files": False}
    assert seen(checks, "files").startswith("clip.safetensors has changed since it was installed")


def test_a_missing_file_fails(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    checks = verify_model(folder)
    assert not outcome(checks)["files"]
    assert not outcome(checks)["tokenizer"]
    assert "logits" not in outcome(checks)


def test_a_truncated_file_fails_to_load_and_what_needs_it_is_not_tried(folder: Path) -> None:
    path = folder / "dallebart.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    result = outcome(verify_model(folder))
    assert (result["transformer"], result["files"], result["VQGAN"]) == (False, False, True)
    assert "logits" not in result


def test_a_damaged_vqgan_leaves_the_logits_to_be_checked(folder: Path) -> None:
    (folder / "vqgan.safetensors").unlink()
    result = outcome(verify_model(folder))
    assert (result["VQGAN"], result["logits"]) == (False, True)
    assert "drawing" not in result


def test_numbers_that_are_not_finite_are_found(tmp_path: Path) -> None:
    nan = {"lm_head.weight": torch.full_like(tiny.build_dallebart().lm_head.weight, torch.nan)}
    checks = verify_model(save(tmp_path / "a", dallebart=nan))
    assert not outcome(checks)["logits"]
    assert seen(checks, "logits") == "The logits of step 0 are not all finite numbers."
    bias = {"decoder.conv_out.bias": torch.full((3,), torch.nan)}
    checks = verify_model(save(tmp_path / "b", vqgan=bias))
    assert outcome(checks)["logits"]
    assert seen(checks, "drawing") == "The 16 × 16 pixels of a picture are not all finite numbers."


def test_a_folder_that_is_no_model_fails_the_first_check(tmp_path: Path) -> None:
    checks = verify_model(tmp_path)
    assert outcome(checks) == {"configuration": False}


def test_verification_changes_nothing(sound: Path) -> None:
    before = read_config(sound)
    verify_model(sound)
    assert read_config(sound) == before
    assert set(load_state(sound, "vqgan")) == set(tiny.build_vqgan().state_dict())
