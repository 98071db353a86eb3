"""What the gateway knows of a model, and what the page says of what was measured."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ninefold.errors import CheckpointError
from ninefold.service.model_facts import BIAS_FILE, MeasuredBias, read_model_facts


def row(man: float, different: int) -> dict[str, Any]:
    skins = {"emoji yellow": man / 2, "dark skin": 0.1, "no skin seen": 0.9 - man / 2}
    shares = {"apparent gender": {"a man": man, "a woman": 1 - man}, "skin tone": skins}
    return {"prompt": "a doctor", "num_pictures": 10, "num_different": different, "shares": shares}


def audit(gender: float, skin: float) -> str:
    rows = [row(0.9, 4), row(0.3, 6)]
    return json.dumps({"rows": rows, "controls": {"apparent gender": gender, "skin tone": skin}})


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    """A model's folder that may be written to."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def test_what_was_not_measured_is_not_known(folder: Path) -> None:
    assert read_model_facts(folder).bias is None


def test_the_audit_beside_the_weights_is_summed_up(folder: Path) -> None:
    (folder / BIAS_FILE).write_text(audit(0.9, 0.8))
    assert read_model_facts(folder).bias == MeasuredBias(20, 10, one_gender=80, yellow_skin=75)


def test_what_cannot_be_seen_is_not_said(folder: Path) -> None:
    (folder / BIAS_FILE).write_text(audit(0.5, 0.9))
    assert read_model_facts(folder).bias == MeasuredBias(20, 10, None, yellow_skin=75)
    (folder / BIAS_FILE).write_text(audit(0.8, 0.79))
    assert read_model_facts(folder).bias == MeasuredBias(20, 10, 80, None)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rows": [], "controls": {}}'])
def test_an_audit_that_cannot_be_read_is_told_of(folder: Path, text: str) -> None:
    (folder / BIAS_FILE).write_text(text)
    with pytest.raises(CheckpointError, match="ninefold audit bias"):
        read_model_facts(folder)
