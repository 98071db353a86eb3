"""What a service keeps lies where nothing is cleaned away, and is moved there once, with a word."""

import errno
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from ninefold.errors import UserError
from ninefold.service import data_folder
from ninefold.service.data_folder import move_from_cache
from ninefold.service.settings import read_settings
from ninefold.service.store.embedded import is_in_use


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home, with nothing set that names other folders."""
    for name in ("NINEFOLD_DATA", "NINEFOLD_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def old(home: Path) -> Path:
    """A data folder as older versions left it."""
    cache = "Library/Caches" if sys.platform == "darwin" else ".cache"
    folder = home / cache / "ninefold" / "service"
    (folder / "pictures").mkdir(parents=True)
    (folder / "secret").write_text("kept")
    (folder / "secret").chmod(0o600)
    (folder / "pictures" / "one.png").write_bytes(b"picture")
    (folder / "pictures" / "link").symlink_to("one.png")
    return folder


def files_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mode)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_data_lie_outside_the_cache(home: Path) -> None:
    data = read_settings().data
    assert data.is_relative_to(home)
    assert ".cache" not in data.parts
    assert "Caches" not in data.parts


def test_a_folder_that_was_chosen_for_ninefold_has_the_data_too(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NINEFOLD_HOME", str(home / "mine"))
    assert read_settings().data == home / "mine" / "service"


@pytest.mark.parametrize("is_other_disk", [False, True])
def test_data_in_the_cache_are_moved_whole_and_it_is_said(
    old: Path, monkeypatch: pytest.MonkeyPatch, is_other_disk: bool
) -> None:
    before, told, rename = files_of(old), list[str](), Path.rename

    def rename_on_one_disk(path: Path, target: Path) -> Path:
        if path == old:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(path, target)

    if is_other_disk:
        monkeypatch.setattr(Path, "rename", rename_on_one_disk)
    settings = read_settings()
    move_from_cache(settings, told.append)
    assert files_of(settings.data) == before
    assert (settings.data / "pictures" / "link").is_symlink()
    assert not old.exists()
    assert [path.name for path in settings.data.parent.iterdir()] == ["service"]
    assert len(told) == 1
    assert str(old) in told[0]
    assert str(settings.data) in told[0]
    move_from_cache(settings, told.append)
    assert len(told) == 1


def test_data_that_cannot_be_moved_stay_as_they_were(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = files_of(old)
    monkeypatch.setattr(Path, "rename", fail)
    settings = read_settings()
    with pytest.raises(UserError, match=r"No space left on device.*NINEFOLD_DATA"):
        move_from_cache(settings, print)
    assert files_of(old) == before
    assert not settings.data.exists()


def test_data_of_a_service_that_runs_are_not_moved(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_folder, "is_in_use", lambda folder: folder == old)
    with pytest.raises(UserError, match="still runs"):
        move_from_cache(read_settings(), print)
    assert old.is_dir()


def test_a_database_is_in_use_while_its_server_runs(
    postgres: URL, postgres_folder: Path, tmp_path: Path
) -> None:
    assert postgres is not None
    assert is_in_use(postgres_folder)
    assert not is_in_use(tmp_path)


def test_data_that_are_there_already_win_and_the_old_ones_are_named(old: Path) -> None:
    settings, told = read_settings(), list[str]()
    settings.data.mkdir(parents=True)
    move_from_cache(settings, told.append)
    assert old.is_dir()
    assert len(told) == 1
    assert "is not used" in told[0]


def test_data_for_which_a_folder_was_named_are_not_looked_for(
    old: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for given in ({"data": tmp_path / "data"}, {"data": old}):
        move_from_cache(read_settings(**given), pytest.fail)
    monkeypatch.setenv("NINEFOLD_DATA", str(tmp_path / "data"))
    move_from_cache(read_settings(), pytest.fail)
    assert old.is_dir()
