"""The answer of a policy: what is done with a request, by which rule, and how to object.

A verdict is made to be kept as a record, so nothing of the prompt is in it.
"""

import dataclasses
import enum

from ninefold.errors import UserError


class Action(enum.IntEnum):
    """What is done with a request; the stricter of two is the greater."""

    ALLOW = 0
    WARN = 1
    HIDE = 2
    REFUSE = 3

    @property
    def label(self) -> str:
        """The word that policy files and records use: `allow`, `warn`, `hide` or `refuse`."""
        return self.name.lower()


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a policy says of one request."""

    action: Action
    policy_version: str
    """Version of the policy that the rule stands in."""
    category: str | None = None
    """Name of the category; None where nothing was found."""
    rule: str | None = None
    """Id of the rule; None where nothing was found."""
    reason: str = "No rule of the policy speaks against this prompt."
    """One sentence for the person who asked."""
    appeal: str = ""
    """How to object; empty where nothing was found."""

    @property
    def is_refused(self) -> bool:
        """Whether nothing may be drawn."""
        return self.action is Action.REFUSE

    def record(self) -> dict[str, str | None]:
        """Return the verdict as plain values, for a log or a JSON document."""
        return {
            "action": self.action.label,
            "category": self.category,
            "rule": self.rule,
            "policy_version": self.policy_version,
            "reason": self.reason,
            "appeal": self.appeal,
        }


class RefusedError(UserError):
    """A policy refuses what was asked for; the message says by which rule and how to object."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(f"{verdict.reason} {verdict.appeal}".rstrip())
        self.verdict = verdict


def explain(action: Action, title: str, rule: str, version: str) -> str:
    """Return the one sentence that says what is done and by which rule.

    Args:
        action: anything but ALLOW.
        title: what the category is about, as it stands in a sentence ("graphic violence").
        rule: id of the rule.
        version: version of the policy.
    """
    source = f"rule {rule} of policy {version}"
    if action is Action.REFUSE:
        return f"This prompt is refused because it seems to ask for {title} ({source})."
    if action is Action.HIDE:
        return f"These pictures stay out of the gallery because of {title} ({source})."
    return f"This prompt is drawn with a warning because it touches on {title} ({source})."
