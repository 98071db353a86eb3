"""The service's data folder: this user's alone, as it holds prompts, pictures and secrets.

Run by root, an embedded PostgreSQL runs as a user of its own, who has to pass through the folder to
its own and can neither list nor read anything else there. Versions before this one kept it in the
cache, which cleaners empty; it is moved from there once.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from ninefold.checkpoints import registry
from ninefold.errors import UserError
from ninefold.private_place import make_private
from ninefold.service.settings import Settings
from ninefold.service.store.embedded import is_in_use


def open_data_folder(settings: Settings) -> Path:
    """Make the data folder, or close one of ours to others, and return it.

    Raises:
        UserError: it cannot be made, or is another user's and open to others.
    """
    # With DATABASE_URL there may be a server of one's own in it all the same: children of a
    # supervisor get the embedded one's address that way.
    is_root = os.name == "posix" and os.geteuid() == 0
    try:
        return make_private(settings.data, 0o711 if is_root else 0o700)
    except OSError as error:
        raise UserError(
            f"The data folder {str(settings.data)!r} cannot be used ({error.strerror}); name "
            "another with NINEFOLD_DATA."
        ) from None


def move_from_cache(settings: Settings, tell: Callable[[str], None]) -> None:
    """Move database, pictures and keys out of the cache, where nobody chose a folder for them.

    Args:
        settings: of a service that does not run.
        tell: is given one sentence of what was done; nothing where there was nothing to do.

    Raises:
        UserError: a service still runs on them, or they cannot be moved; they are as they were.
    """
    old, new = registry.data_folder() / "service", settings.data
    if "data" in settings.model_fields_set or old == new or not old.is_dir():
        return
    if new.exists():
        tell(f"The folder {str(old)!r} of an older version is not used; {str(new)!r} is.")
        return
    if is_in_use(old):
        raise UserError(
            f"A service still runs on the data in {str(old)!r}, which are to be moved to "
            f"{str(new)!r}; stop it and start again, or set NINEFOLD_DATA to {str(old)!r}."
        )
    try:
        new.parent.mkdir(parents=True, exist_ok=True)
        _move(old, new)
    except OSError as error:
        raise UserError(
            f"Database, pictures and keys in {str(old)!r} could not be moved to {str(new)!r} "
            f"({error.strerror}) and are as they were; move them, or set NINEFOLD_DATA to "
            f"{str(old)!r}."
        ) from None
    tell(
        f"Moved database, pictures and keys from {str(old)!r}, which cleaners of caches empty, to "
        f"{str(new)!r}."
    )


def _move(old: Path, new: Path) -> None:
    """Move a folder, whole or not at all, to another disk too."""
    try:
        old.rename(new)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with tempfile.TemporaryDirectory(prefix=".moving-", dir=new.parent) as name:
            copy = Path(name) / new.name
            shutil.copytree(old, copy, symlinks=True, ignore=_ignore_sockets)
            _copy_owners(old, copy)
            copy.rename(new)
        shutil.rmtree(old, ignore_errors=True)


def _ignore_sockets(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if (Path(folder) / name).is_socket()]


def _copy_owners(old: Path, new: Path) -> None:
    """Give each file to whom its original belongs; only root may, and only root needs to."""
    if os.name != "posix" or os.geteuid() != 0:
        return
    for path in (new, *new.rglob("*")):
        found = (old / path.relative_to(new)).lstat()
        os.chown(path, found.st_uid, found.st_gid, follow_symlinks=False)
