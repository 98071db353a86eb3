"""Folders that appear whole or not at all."""

import shutil
from pathlib import Path

import pytest

from ninefold.checkpoints.atomic_folder import new_folder
from ninefold.errors import UserError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_when_it_is_full(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "x"
    with new_folder(place, "mark") as part:
        assert not place.exists()
        assert part.parent == place.parent
        (part / "mark").write_text("new")
    assert names(place) == ["mark"]
    assert names(place.parent) == ["x"]


def test_replacing_leaves_nothing_of_the_old(tmp_path: Path) -> None:
    place = tmp_path / "x"
    for name in ("mark", "other"):
        with new_folder(place, "mark", replace=True) as part:
            (part / name).write_text(name)
    assert names(place) == ["other"]
    assert names(tmp_path) == ["x"]
    with (
        pytest.raises(UserError, match="holds other files"),
        new_folder(place, "mark", replace=True),
    ):
        pass


def test_the_old_folder_returns_when_the_new_one_cannot_take_its_place(tmp_path: Path) -> None:
    place = tmp_path / "x"
    with new_folder(place, "mark") as part:
        (part / "mark").write_text("old")
    with (
        pytest.raises(UserError, match="Nothing can be written"),
        new_folder(place, "mark", replace=True) as part,
    ):
        shutil.rmtree(part)
    assert (place / "mark").read_text() == "old"
    assert names(tmp_path) == ["x"]


def test_a_new_folder_that_cannot_take_its_place_is_explained(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match="Nothing can be written"),
        new_folder(tmp_path / "x", "mark") as part,
    ):
        shutil.rmtree(part)
    assert names(tmp_path) == []
