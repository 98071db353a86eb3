"""The place of an installed model: filled by one process at a time, whole or not at all.

A model is made in a hidden folder beside its place, which is removed whatever happens, and renamed
into the place at the very end. What a killed process left behind is put right by the next one. What
a model is made of is not known here.
"""

import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ninefold.checkpoints.disk import explain_disk_error
from ninefold.checkpoints.registry import holds_model


class ModelPlace:
    """Where the model called `name` is, or will be, under the data folder `home`."""

    def __init__(self, name: str, home: Path) -> None:
        self.name = name
        self.folder = home / "models" / name
        self._models = home / "models"
        self._lock = FileLock(home / "locks" / f"{name}.lock")

    def fill(
        self,
        make: Callable[[Path], None],
        *,
        force: bool = False,
        on_wait: Callable[[], None] | None = None,
        when_done: Callable[[], None] | None = None,
    ) -> bool:
        """Have a model made and put it in its place.

        Args:
            make: makes the model in a folder that it is given and that does not exist yet.
            force: replace a model that is there, unless another process has just put it there.
            on_wait: called when another process is at work here, which is then waited for.
            when_done: called once the model is in its place, while no other process can be here.

        Returns:
            Whether it was made; False if it was there.

        Raises:
            UserError: the data folder cannot be written to, or is full.
        """
        try:
            for folder in (self._models, Path(self._lock.lock_file).parent):
                folder.mkdir(parents=True, exist_ok=True)
            with self._locked(on_wait) as has_waited:
                self._clear_up()
                if holds_model(self.folder) and (has_waited or not force):
                    return False
                self._make(make)
                if when_done:
                    when_done()
        except OSError as error:
            raise explain_disk_error(error, self._models.parent) from None
        return True

    @contextmanager
    def _locked(self, on_wait: Callable[[], None] | None) -> Iterator[bool]:
        """Hold the lock; tells whether another process had it first."""
        has_waited = False
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            has_waited = True
            if on_wait:
                on_wait()
            self._lock.acquire()
        try:
            yield has_waited
        finally:
            self._lock.release()

    def _make(self, make: Callable[[Path], None]) -> None:
        stage = self._beside("installing")
        stage.mkdir()
        try:
            make(stage / self.name)
            self._put(stage / self.name)
        finally:
            shutil.rmtree(stage, ignore_errors=True)

    def _put(self, made: Path) -> None:
        old = self._beside("replaced")
        if self.folder.exists():
            self.folder.rename(old)
        try:
            made.rename(self.folder)
        except OSError:
            if old.exists():
                old.rename(self.folder)
            raise
        shutil.rmtree(old, ignore_errors=True)

    def _clear_up(self) -> None:
        """Put right what a process left that was killed; nobody else is at work here."""
        pattern = re.compile(rf"\.{re.escape(self.name)}\.[0-9a-f]{{8}}\.(installing|replaced)")
        for path in sorted(self._models.iterdir()):
            if match := pattern.fullmatch(path.name):
                if match[1] == "replaced" and not self.folder.exists():
                    path.rename(self.folder)
                else:
                    shutil.rmtree(path, ignore_errors=True)

    def _beside(self, purpose: str) -> Path:
        return self._models / f".{self.name}.{secrets.token_hex(4)}.{purpose}"
