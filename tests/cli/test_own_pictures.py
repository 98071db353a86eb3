"""The worked example of docs/training.md: own pictures to a corpus to a model to a picture."""

from pathlib import Path

import pytest

from tests.cli.conftest import RunInside
from tests.corpus.test_own_pictures import write_pictures
from tests.tiny import tiny_things_folder


def test_own_pictures_become_a_model_that_draws(
    ninefold: RunInside, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ninefold.training.rehearsal.REHEARSED", ("a cat",))
    write_pictures(workplace / "mine")
    built = ninefold("corpus", "build", "--from", "mine", "--size", "16")
    assert built.code == 0
    assert "2 pictures of 16 pixels in runs/own-corpus" in built.err
    assert "left out c.png: it is no picture that can be read" in built.err
    taught = ninefold("train", "finetune", "--model", "tiny", "--steps", "1", "--out", "taught")
    assert taught.code == 0, taught.err
    assert "wrote taught" in taught.err
    drawn = ninefold("draw", "a red thing", "--model", "taught", "--count", "1", "--quiet")
    assert drawn.code == 0
    assert Path(drawn.out.splitlines()[0]).is_file()


def test_a_model_with_a_table_learns_own_pictures_without_training(
    ninefold: RunInside, workplace: Path
) -> None:
    base = tiny_things_folder(workplace)
    write_pictures(workplace / "mine")
    (workplace / "mine" / "a.txt").write_text("zed\nmy zed in a hat")
    assert ninefold("corpus", "build", "--from", "mine", "--size", "64").code == 0
    taught = ninefold("train", "finetune", "--model", str(base), "--out", "taught")
    assert taught.code == 0, taught.err
    assert "for \u201czed\u201d or \u201czed in hat\u201d" in taught.err
    assert "ranks pictures of \u201czed\u201d as those of" in taught.err
    assert "wrote taught" in taught.err
    assert not (workplace / "runs/pocket/finetune/state.pt").exists()
    drawn = ninefold("draw", "a zed", "--model", "taught", "--count", "1", "--quiet")
    assert drawn.code == 0
    assert Path(drawn.out.splitlines()[0]).is_file()


def test_teaching_without_pictures_says_how_to_build_a_corpus(ninefold: RunInside) -> None:
    result = ninefold("train", "finetune", "--model", "tiny")
    assert result.code == 2
    assert "ninefold corpus build --from" in result.err


def test_an_empty_folder_of_pictures_says_what_to_put_there(
    ninefold: RunInside, workplace: Path
) -> None:
    (workplace / "mine").mkdir()
    result = ninefold("corpus", "build", "--from", "mine")
    assert result.code == 2
    assert "give each name.jpg a name.txt" in result.err
