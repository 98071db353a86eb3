"""An evaluator that is written is read again, and a damaged one is not."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from ninefold.checkpoints.evaluator import EvaluatorConfig, load_evaluator, save_evaluator
from ninefold.errors import CheckpointError, UserError
from tests import tiny


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tokenizer = tmp_path / "made.json"
    tokenizer.write_bytes(tiny.tiny_tokenizer_json())
    config = EvaluatorConfig(tiny.CLIP_CONFIG, "nothing")
    weights = tiny.build_clip().state_dict()
    save_evaluator(tmp_path / "evaluator", config, weights, tokenizer)
    return tmp_path / "evaluator"


def test_what_was_written_is_read(folder: Path) -> None:
    config, clip = load_evaluator(folder)
    assert config.clip == tiny.CLIP_CONFIG
    assert len(config.sha256) == 64
    for name, value in tiny.build_clip().state_dict().items():
        torch.testing.assert_close(clip.state_dict()[name], value.half().float())
    assert not clip.training


def test_writing_again_replaces_the_evaluator(folder: Path) -> None:
    config, clip = load_evaluator(folder)
    again = dataclasses.replace(config, trained_on="something else")
    save_evaluator(folder, again, clip.state_dict(), folder / "tokenizer.json")
    assert load_evaluator(folder)[0].trained_on == "something else"


def test_a_changed_file_is_named(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"tokenizer\.json is not the file"):
        load_evaluator(folder)


def test_a_folder_that_holds_no_evaluator_says_what_to_do(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ninefold train evaluator"):
        load_evaluator(tmp_path)
    content = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**content, "format": "ninefold-1"}))
    with pytest.raises(UserError, match="name the folder of an evaluator"):
        load_evaluator(folder)
