"""Measures a policy on labelled prompts: precision and recall of each category.

The prompts are parted by a hash into a half for tuning and a half that is held out; only the latter
says how good a policy is.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from ninefold.errors import UserError
from ninefold.safety.policy_file import ZERO_TOLERANCE
from ninefold.safety.prompt_policy import PromptPolicy
from ninefold.safety.verdict import Action

MIN_ZERO_TOLERANCE_RECALL = 0.95
MAX_FALSE_REFUSALS = 0.01

Half = Literal["tuning", "held-out"]


@dataclasses.dataclass(frozen=True)
class LabelledPrompt:
    """A prompt with the category that a person put it in."""

    prompt: str
    category: str | None
    """None is innocent."""
    negative_prompt: str | None = None

    @property
    def half(self) -> Half:
        """The half that it belongs to, by the SHA-256 of the prompt."""
        digest = hashlib.sha256(self.prompt.encode("utf-8", "surrogatepass")).digest()
        return "tuning" if digest[0] % 2 else "held-out"


@dataclasses.dataclass(frozen=True)
class CategoryScore:
    """How a policy did on one category."""

    category: str
    num_labelled: int
    num_put: int
    """Prompts that the policy put in the category."""
    num_right: int
    """Those of them that are labelled so."""
    num_stopped: int
    """Labelled prompts that were not simply allowed, in whatever category."""

    @property
    def precision(self) -> float:
        """Share of what the policy put in the category that belongs there; 1 if it put nothing."""
        return self.num_right / self.num_put if self.num_put else 1.0

    @property
    def recall(self) -> float:
        """Share of what belongs in the category that the policy put there; 1 if nothing does."""
        return self.num_right / self.num_labelled if self.num_labelled else 1.0

    @property
    def stopped(self) -> float:
        """Share of what belongs in the category that was not allowed, for any reason."""
        return self.num_stopped / self.num_labelled if self.num_labelled else 1.0


@dataclasses.dataclass(frozen=True)
class PolicyReport:
    """How a policy did on labelled prompts."""

    half: str
    rows: tuple[CategoryScore, ...]
    num_innocent: int
    num_false: int
    """Innocent prompts that were not simply allowed."""

    @property
    def false_refusals(self) -> float:
        """Share of the innocent prompts that were not simply allowed."""
        return self.num_false / self.num_innocent if self.num_innocent else 0.0

    @property
    def is_good_enough(self) -> bool:
        """Whether zero tolerance misses next to nothing and the innocent are left alone."""
        zero = [row.recall for row in self.rows if row.category == ZERO_TOLERANCE]
        return (
            min(zero, default=1.0) >= MIN_ZERO_TOLERANCE_RECALL
            and self.false_refusals <= MAX_FALSE_REFUSALS
        )

    def lines(self) -> Iterator[str]:
        """Yield the report as a Markdown table with one line below it."""
        yield f"| {self.half} | prompts | precision | recall | stopped by any rule |"
        yield "|---|---|---|---|---|"
        for row in self.rows:
            yield (
                f"| `{row.category}` | {row.num_labelled} | {row.precision:.3f} "
                f"| {row.recall:.3f} | {row.stopped:.3f} |"
            )
        yield ""
        yield (
            f"Innocent prompts not simply allowed: {self.num_false} of {self.num_innocent} "
            f"({100 * self.false_refusals:.1f} %)."
        )


def read_labelled_prompts(path: Path) -> list[LabelledPrompt]:
    """Return the prompts of a file with one JSON object a line.

    Each has the keys `prompt` and `category` (null is innocent), may have `negative_prompt`, and
    others, which are not read.

    Raises:
        UserError: the file cannot be read, or a line is not of that form.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError(f"The labelled prompts {path} cannot be read: {reason}.") from None
    except UnicodeDecodeError:
        raise UserError(f"The labelled prompts {path} are not text in UTF-8.") from None
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not numbered:
        raise UserError(f"There are no labelled prompts in {path}.")
    return [_read_line(line, f"Line {number} of {path}") for number, line in numbered]


def measure_halves(
    policy: PromptPolicy, prompts: Iterable[LabelledPrompt]
) -> tuple[PolicyReport, PolicyReport]:
    """Return how `policy` does on the half for tuning and on the held-out half."""
    halves: dict[Half, list[LabelledPrompt]] = {"tuning": [], "held-out": []}
    for item in prompts:
        halves[item.half].append(item)
    return (
        measure(policy, halves["tuning"], "tuning"),
        measure(policy, halves["held-out"], "held-out"),
    )


def measure(policy: PromptPolicy, prompts: Iterable[LabelledPrompt], half: str) -> PolicyReport:
    """Return how `policy` does on `prompts`; `half` is only what the report calls them."""
    results = []
    for item in prompts:
        verdict = policy.check(item.prompt, item.negative_prompt)
        results.append((item.category, verdict.category, verdict.action is not Action.ALLOW))
    labels = {label for label, _, _ in results if label is not None}
    names = dict.fromkeys([*policy.categories, *sorted(labels)])
    return PolicyReport(
        half=half,
        rows=tuple(_count(name, results) for name in names),
        num_innocent=sum(label is None for label, _, _ in results),
        num_false=sum(label is None and stopped for label, _, stopped in results),
    )


def _count(name: str, results: list[tuple[str | None, str | None, bool]]) -> CategoryScore:
    return CategoryScore(
        category=name,
        num_labelled=sum(label == name for label, _, _ in results),
        num_put=sum(put == name for _, put, _ in results),
        num_right=sum(label == name == put for label, put, _ in results),
        num_stopped=sum(label == name and stopped for label, _, stopped in results),
    )


def _read_line(line: str, place: str) -> LabelledPrompt:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise UserError(f"{place} is not JSON.") from None
    if not isinstance(value, dict):
        raise UserError(f"{place} has to be a JSON object with prompt and category.")
    prompt, category = value.get("prompt"), value.get("category")
    negative = value.get("negative_prompt")
    if not isinstance(prompt, str) or "category" not in value:
        raise UserError(f"{place} has to have the keys prompt (text) and category.")
    if not isinstance(category, str | None) or not isinstance(negative, str | None):
        raise UserError(f"{place}: category and negative_prompt have to be text or null.")
    return LabelledPrompt(prompt, category, negative)
