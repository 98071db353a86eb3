"""A prompt policy that is read again when its file changes, so that a running service follows it.

A file that has become faulty changes nothing: the policy read before stays in force, and the fault
is reported once.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from ninefold.errors import UserError
from ninefold.safety.prompt_policy import PromptPolicy
from ninefold.safety.verdict import Verdict

OnChange = Callable[[str], None]
"""Called with one sentence for an operator's log."""

_log = logging.getLogger(__name__)


class LivePolicy:
    """The policy in a file as it stands now; may be asked by several threads."""

    def __init__(self, path: Path | None = None, on_change: OnChange | None = None) -> None:
        """Read the policy.

        Args:
            path: None for Ninefold's own, which does not change.
            on_change: called for every later version of the file, and for one that cannot be used;
                None writes to the log.

        Raises:
            UserError: the file cannot be read or is no policy.
        """
        self._path = path
        self._on_change = on_change or _log.warning
        self._lock = threading.Lock()
        self._seen = _stamp(path)
        self._policy = PromptPolicy.load(path)

    def current(self) -> PromptPolicy:
        """Return the policy; costs a look at the file's time where it has not changed."""
        stamp = _stamp(self._path)
        if stamp != self._seen:
            with self._lock:
                if stamp != self._seen:
                    self._reload(stamp)
        return self._policy

    def check(self, prompt: str, negative_prompt: str | None = None) -> Verdict:
        """Return what the policy, as its file stands now, says of a prompt."""
        return self.current().check(prompt, negative_prompt)

    def _reload(self, stamp: tuple[int, int, int] | None) -> None:
        self._seen = stamp
        try:
            self._policy = PromptPolicy.load(self._path)
        except UserError as error:
            self._on_change(f"{error} Policy {self._policy.version} goes on to hold.")
        else:
            self._on_change(f"Policy {self._policy.version} holds from now on.")


def _stamp(path: Path | None) -> tuple[int, int, int] | None:
    """Return what changes when the file does; None where there is none."""
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
