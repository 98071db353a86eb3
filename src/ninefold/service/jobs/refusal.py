"""The problem that the policy speaks against a prompt: by which rule, and how to object."""

from ninefold.safety.verdict import Verdict
from ninefold.service.problems import Problem


class PromptRefusedProblem(Problem):
    """The policy speaks against a prompt."""

    def __init__(self, verdict: Verdict) -> None:
        refusal = {
            "rule": verdict.rule,
            "category": verdict.category,
            "message": verdict.reason,
            "appeal": verdict.appeal,
        }
        super().__init__(422, "prompt_refused", verdict.reason, extra={"refusal": refusal})
        self.verdict = verdict
