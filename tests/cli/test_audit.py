"""A release's files of the audit have places in a clone, and only pocket's have."""

from pathlib import Path

import pytest

from ninefold.cli import main


def test_a_release_of_another_model_is_refused_before_anything_is_drawn(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path.name for path in tiny_model.iterdir())
    call = ["audit", "bias", "--model", str(tiny_model), "--release"]
    assert main([*call, "--packages", str(tmp_path / "none"), "--seeds", "1"]) == 2
    assert "--release is for pocket, in a clone of Ninefold" in capsys.readouterr().err
    assert sorted(path.name for path in tiny_model.iterdir()) == before
    assert not (tmp_path / "none").exists()
