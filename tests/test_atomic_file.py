"""Laws of files that are written: whole or not at all, and never over another by mistake."""

import errno
import os
from pathlib import Path

import pytest

from ninefold.atomic_file import atomic_write, write_new


def test_a_file_is_replaced_only_once_all_of_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "state"
    with atomic_write(path) as file:
        file.write(b"first")
    with atomic_write(path) as file:
        file.write(b"second")
        file.flush()
        assert path.read_bytes() == b"first"
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")

    def break_off() -> None:
        with atomic_write(path) as file:
            file.write(b"half of the n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".state.part").write_bytes(b"a great deal that was never finished")
    with atomic_write(tmp_path / "state") as file:
        file.write(b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("state", b"new")]


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, told = tmp_path / "state", []
    sync = os.fsync

    def watched(number: int) -> None:
        told.append((path.exists(), os.fstat(number).st_size))
        sync(number)

    monkeypatch.setattr(os, "fsync", watched)
    with atomic_write(path) as file:
        file.write(b"12345")
    assert told == [(False, 5)]


def test_writing_refuses_a_taken_name_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = write_new(tmp_path / "apple.png", b"first")
    with pytest.raises(FileExistsError):
        write_new(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_dangling_link_is_not_followed(tmp_path: Path) -> None:
    link = tmp_path / "apple.png"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        write_new(link, b"data")
    assert link.is_symlink()
    assert not (tmp_path / "elsewhere").exists()


def test_without_hard_links_files_are_still_new_and_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_source: Path, _target: Path) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    path = write_new(tmp_path / "apple.png", b"first")
    with pytest.raises(FileExistsError):
        write_new(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_rename_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_paths: Path) -> None:
        raise OSError(errno.EIO, "the disk is ill")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="ill"):
        write_new(tmp_path / "apple.png", b"data")
    assert list(tmp_path.iterdir()) == []
