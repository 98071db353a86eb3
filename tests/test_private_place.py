"""Laws of private places: code that somebody else put there is not loaded, whoever we are."""

import os
from pathlib import Path

import pytest

from ninefold.errors import UserError
from ninefold.private_place import make_private, open_private


@pytest.fixture
def somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process take itself for another user than the owner of its files."""
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def planted(folder: Path, mode: int = 0o700) -> Path:
    path = folder / "decoder.so"
    path.write_bytes(b"code")
    path.chmod(mode)
    return path


def test_a_folder_is_made_private_whatever_the_mask_and_closed_again(tmp_path: Path) -> None:
    folder = make_private(tmp_path / "a" / "b")
    assert mode_of(folder) == 0o700
    for mode in (0o777, 0o755, 0o770):
        folder.chmod(mode)
        assert mode_of(make_private(folder)) == 0o700
    assert mode_of(make_private(folder, 0o711)) == 0o711


def test_a_file_of_ours_in_a_folder_of_ours_is_opened(tmp_path: Path) -> None:
    folder = make_private(tmp_path / "native")
    assert open_private(folder / "decoder.so") is None
    assert open_private(tmp_path / "no folder" / "decoder.so") is None
    file = open_private(planted(folder))
    assert file is not None
    assert os.read(file, 9) == b"code"
    os.close(file)


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_file_that_others_may_write_counts_as_none(tmp_path: Path, mode: int) -> None:
    folder = make_private(tmp_path / "native")
    assert open_private(planted(folder, mode)) is None


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "native"
    folder.mkdir()
    planted(folder)
    folder.chmod(mode)
    with pytest.raises(UserError, match="not this user's alone"):
        open_private(folder / "decoder.so")


@pytest.mark.usefixtures("somebody")
def test_what_is_another_users_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "native"
    folder.mkdir(mode=0o700)
    planted(folder)
    with pytest.raises(UserError, match="not this user's alone"):
        open_private(folder / "decoder.so")
    folder.chmod(0o777)
    with pytest.raises(UserError, match="belongs to another user"):
        make_private(folder)
    assert mode_of(folder) == 0o777


@pytest.mark.usefixtures("somebody")
def test_links_lead_nowhere(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(UserError):
        make_private(tmp_path / "link")
    with pytest.raises(UserError):
        open_private(tmp_path / "link" / "decoder.so")
    (target / "decoder.so").symlink_to(planted(tmp_path))
    assert mode_of(target) != 0o700


def test_a_link_of_ours_to_another_disk_is_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / "data").symlink_to(target)
    make_private(tmp_path / "data")
    assert mode_of(target) == 0o700
