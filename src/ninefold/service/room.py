"""Room on the disks of the service: below a reserve nothing new is accepted, and reading goes on.

A database that cannot write its log stops altogether, and drawings that were accepted need room to
be stored, so the last of a disk is not for new jobs.
"""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import URL

from ninefold.service.disk import free_bytes
from ninefold.service.refusals import Refusal
from ninefold.service.settings import Settings

MEBIBYTE = 2**20

_KNOWN_FOR_S = 0.5
_RETRY_AFTER_S = 30.0
_log = logging.getLogger(__name__)


class Room:
    """Tells whether the disks that the service writes to have room."""

    def __init__(self, folders: Sequence[Path], reserve: int) -> None:
        """Look at the disks of some folders; below `reserve` free bytes there is no room."""
        self._folders, self._reserve = folders, reserve
        self._is_left, self._looked_at = True, -_KNOWN_FOR_S

    @classmethod
    def of(cls, settings: Settings, url: URL) -> "Room":
        """Look at what is on this machine of the pictures' folder and the database."""
        folders = []
        if settings.pictures_url is None:
            folders.append(settings.data)
        elif urlsplit(settings.pictures_url).scheme == "file":
            folders.append(Path(urlsplit(settings.pictures_url).path))
        host = url.query.get("host", "")
        if isinstance(host, str) and host.startswith(str(settings.data)):
            folders.append(Path(host))  # of the embedded server: its socket lies in its folder
        return cls(folders, settings.reserved_disk_mib * MEBIBYTE)

    @property
    def is_left(self) -> bool:
        """Whether there is room for something new; looked at every half second."""
        now = time.monotonic()
        if now - self._looked_at >= _KNOWN_FOR_S:
            was_left, self._looked_at = self._is_left, now
            self._is_left = all(free_bytes(folder) >= self._reserve for folder in self._folders)
            if was_left and not self._is_left:
                _log.error("the disk is full: nothing new is accepted until there is room")
            elif self._is_left and not was_left:
                _log.warning("there is room on the disk again")
        return self._is_left

    def require(self) -> None:
        """Raise the refusal that there is no room (`storage_full`), if there is none."""
        if not self.is_left:
            raise no_room()


def no_room() -> Refusal:
    """Return the refusal that nothing more can be accepted."""
    return Refusal(
        "storage_full",
        "The service's disk is full, so nothing new is accepted; whatever was accepted is safe.",
        retry_after_s=_RETRY_AFTER_S,
    )
