"""The prompt policy as its file stands whenever it is asked, for gateway and worker alike."""

import logging
from pathlib import Path

from ninefold.safety.live_policy import LivePolicy
from ninefold.safety.verdict import Verdict

_log = logging.getLogger(__name__)


class PolicyOfNow:
    """Asks the policy as its file stands when it is asked; a `refusal.PromptCheck`."""

    def __init__(self, path: Path | None) -> None:
        """Read the policy in a file, or Ninefold's own.

        Raises:
            UserError: the file cannot be read or is no policy.
        """
        self._policy = LivePolicy(path, _log.warning)

    def check(self, prompt: str, negative_prompt: str | None = None) -> Verdict:
        """Return what the policy says now."""
        return self._policy.current().check(prompt, negative_prompt)
