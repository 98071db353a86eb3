"""Who says whether a prompt may be drawn, and what is said where it may not."""

from typing import Any, Protocol

from ninefold.safety.verdict import Verdict
from ninefold.service.refusals import Refusal


class PromptCheck(Protocol):
    """Says whether a prompt may be drawn; `ninefold.safety.prompt_policy.PromptPolicy` is one."""

    def check(self, prompt: str, negative_prompt: str | None = None) -> Verdict:
        """Return what the policy says."""


def describe(verdict: Verdict) -> dict[str, Any]:
    """Return a refusal as jobs and problems have it."""
    return {
        "rule": verdict.rule,
        "category": verdict.category,
        "message": verdict.reason,
        "appeal": verdict.appeal,
    }


class PromptRefused(Refusal):
    """The policy speaks against a prompt."""

    def __init__(self, verdict: Verdict) -> None:
        extra = {"refusal": describe(verdict)}
        super().__init__("prompt_refused", verdict.reason, extra=extra)
        self.verdict = verdict
