"""A place is filled whole or not at all, and what was there before is not lost."""

import json
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from ninefold.checkpoints.model_place import ModelPlace
from ninefold.errors import CheckpointError, UserError
from tests.patience import PATIENCE_S


def _make(folder: Path, mark: str = "new") -> None:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"format": "ninefold-1", "mark": mark}))


def _mark(place: ModelPlace) -> str:
    mark = json.loads((place.folder / "config.json").read_bytes())["mark"]
    assert isinstance(mark, str)
    return mark


def _hidden(home: Path) -> list[str]:
    return [path.name for path in (home / "models").iterdir() if path.name.startswith(".")]


@pytest.fixture
def place(tmp_path: Path) -> ModelPlace:
    return ModelPlace("tiny.v1", tmp_path / "home")


def test_a_place_is_filled_once(place: ModelPlace, tmp_path: Path) -> None:
    done: list[str] = []
    assert place.fill(_make, when_done=lambda: done.append(_mark(place)))
    assert not place.fill(lambda folder: _make(folder, "newer"), when_done=done.clear)
    assert done == ["new"]
    assert _mark(place) == "new"
    assert _hidden(tmp_path / "home") == []


def test_a_model_is_replaced_where_that_is_asked_for(place: ModelPlace, tmp_path: Path) -> None:
    place.fill(_make)
    assert place.fill(lambda folder: _make(folder, "newer"), force=True)
    assert _mark(place) == "newer"
    assert _hidden(tmp_path / "home") == []


def test_a_failure_leaves_what_was_there(place: ModelPlace, tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        _make(folder, "half")
        raise CheckpointError("No.")

    with pytest.raises(CheckpointError, match="No"):
        place.fill(fail)
    assert not place.folder.exists()
    place.fill(_make)
    with pytest.raises(CheckpointError, match="No"):
        place.fill(fail, force=True)
    assert _mark(place) == "new"
    assert _hidden(tmp_path / "home") == []


def test_a_stop_by_the_keyboard_leaves_nothing(place: ModelPlace, tmp_path: Path) -> None:
    def stop(folder: Path) -> None:
        _make(folder, "half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.fill(stop)
    assert list((tmp_path / "home" / "models").iterdir()) == []
    assert place.fill(_make)


def test_a_model_that_cannot_be_put_in_place_brings_the_old_one_back(place: ModelPlace) -> None:
    place.fill(_make)
    with pytest.raises(UserError, match="Nothing can be written under"):
        place.fill(lambda _: None, force=True)  # makes nothing, so there is nothing to rename
    assert _mark(place) == "new"


def test_a_first_model_that_cannot_be_put_in_place_is_one_sentence(place: ModelPlace) -> None:
    with pytest.raises(UserError, match="Nothing can be written under"):
        place.fill(lambda _: None)
    assert not place.folder.exists()


def test_a_process_that_had_to_wait_takes_what_the_other_made(
    place: ModelPlace, tmp_path: Path
) -> None:
    locks = tmp_path / "home" / "locks"
    locks.mkdir(parents=True)
    other = FileLock(locks / "tiny.v1.lock")
    other.acquire()

    def finish() -> None:
        place.folder.parent.mkdir(exist_ok=True)
        _make(place.folder, "theirs")
        other.release()

    assert not place.fill(_make, force=True, on_wait=finish)
    assert _mark(place) == "theirs"


def test_waiting_for_a_process_that_fails_is_not_in_vain(place: ModelPlace, tmp_path: Path) -> None:
    locks = tmp_path / "home" / "locks"
    locks.mkdir(parents=True)
    held, wanted = threading.Event(), threading.Event()

    def hold() -> None:
        with FileLock(locks / "tiny.v1.lock"):
            held.set()
            assert wanted.wait(PATIENCE_S)

    other = threading.Thread(target=hold)
    other.start()
    assert held.wait(PATIENCE_S)
    assert place.fill(_make, on_wait=wanted.set)
    other.join()
    assert _mark(place) == "new"


def test_what_a_killed_process_left_is_removed(place: ModelPlace, tmp_path: Path) -> None:
    models = tmp_path / "home" / "models"
    (models / ".tiny.v1.0123abcd.installing" / "tiny.v1").mkdir(parents=True)
    (models / ".tiny.v1.0123abcd.replaced").mkdir()
    (models / ".tiny.v1.x.0123abcd.installing").mkdir()  # of the model tiny.v1.x
    _make(place.folder)
    assert not place.fill(_make)
    assert _hidden(tmp_path / "home") == [".tiny.v1.x.0123abcd.installing"]


def test_a_model_whose_replacement_was_killed_comes_back(place: ModelPlace) -> None:
    place.fill(_make)
    place.folder.rename(place.folder.with_name(".tiny.v1.0123abcd.replaced"))
    assert not place.fill(lambda folder: _make(folder, "newer"))
    assert _mark(place) == "new"


def test_a_home_that_cannot_be_written_to_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with pytest.raises(UserError, match=r"Nothing can be written under .*home: Not a directory\."):
        ModelPlace("tiny", tmp_path / "home").fill(_make)
