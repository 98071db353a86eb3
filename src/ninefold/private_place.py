"""Folders and files that are this user's alone: what is loaded as code, and what holds secrets.

In a folder that others may write to, a file may be anybody's, and a name may be another's in a
moment. So ownership and mode are asked of what was opened, not of a name. Knows nothing of what
lies there.
"""

import os
import stat
from pathlib import Path

from ninefold.errors import UserError

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def make_private(folder: Path, mode: int = 0o700) -> Path:
    """Make a folder for this user alone, or take from others what they may do in one of ours.

    Args:
        folder: which; folders above it are made as the system does.
        mode: 0o700, or 0o711 where another user has to pass through.

    Raises:
        UserError: it belongs to somebody else and others may write in it, or is somebody's link.
        OSError: it cannot be made.
    """
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    if os.name != "posix":
        return folder
    is_own_link = folder.is_symlink() and folder.lstat().st_uid == os.geteuid()
    try:
        opened = os.open(folder, _FOLDER if is_own_link else _FOLDER | os.O_NOFOLLOW)
    except PermissionError:
        raise
    except OSError:
        raise _of_others(folder) from None
    try:
        found = os.fstat(opened)
        if found.st_uid == os.geteuid():
            if stat.S_IMODE(found.st_mode) != mode:
                os.fchmod(opened, mode)
        elif found.st_mode & _OTHERS_WRITE:
            raise _of_others(folder)
    finally:
        os.close(opened)
    return folder


def _of_others(folder: Path) -> UserError:
    return UserError(
        f"The folder {str(folder)!r} belongs to another user, and others may write in it; make it "
        "your own with mode 0700, or name another."
    )


def open_private(path: Path) -> int | None:
    """Open a file to be loaded as code, and return its descriptor; None if there is none of ours.

    A file that somebody else owns, or that others may write, counts as none, and so does a link.

    Raises:
        UserError: its folder is somebody else's, or others may write in it.
    """
    try:
        folder = os.open(path.parent, _FOLDER | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError:
        raise _not_ours(path.parent) from None
    try:
        if not _is_ours(folder):
            raise _not_ours(path.parent)
        try:
            file = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        except OSError:
            return None
    finally:
        os.close(folder)
    if stat.S_ISREG(os.fstat(file).st_mode) and _is_ours(file):
        return file
    os.close(file)
    return None


def _is_ours(file: int) -> bool:
    found = os.fstat(file)
    return found.st_uid == os.geteuid() and not found.st_mode & _OTHERS_WRITE


def _not_ours(folder: Path) -> UserError:
    return UserError(
        f"Code in {str(folder)!r} is not loaded, because the folder is not this user's alone; make "
        "it your own with mode 0700, or name another by NINEFOLD_HOME."
    )
