"""What is left out under load, in a stated order, so that nobody is told to try again too soon.

First previews, then (where the operator allows it) some pictures of visitors without a key, then
the wait grows, and only above the tier's limit a request is turned away. Each step is a notice that
the person sees. Pure.
"""

import dataclasses
from dataclasses import dataclass

from ninefold.generation.params import SamplingParams

FULL_COUNT = 9
"""Jobs of fewer pictures than nine are left as they are asked for."""

SIX, FOUR = 6, 4

NUM_PREVIEWS = 3
"""Previews of each picture of a job that has them, evenly over its codes."""


@dataclass(frozen=True)
class Ladder:
    """The expected waits, in seconds, from which something is left out; None for never."""

    previews_until_s: float | None
    six_from_s: float | None
    four_from_s: float | None

    def steps(self, wait_s: float | None) -> list[str]:
        """Return what is left out at an expected wait, for the status page."""
        reached = []
        if self.previews_until_s is None or _is_above(wait_s, self.previews_until_s):
            reached.append("no_previews")
        if _is_above(wait_s, self.four_from_s):
            reached.append("four_pictures")
        elif _is_above(wait_s, self.six_from_s):
            reached.append("six_pictures")
        return reached

    def has_previews(self, wait_s: float | None) -> bool:
        """Whether a job with this wait is shown while it is drawn."""
        return "no_previews" not in self.steps(wait_s)

    def reduce(
        self, params: SamplingParams, wait_s: float | None, *, is_anonymous: bool
    ) -> tuple[SamplingParams, tuple[str, ...]]:
        """Return the settings to draw with, and what to tell the person."""
        reached = self.steps(wait_s)
        count = FOUR if "four_pictures" in reached else SIX if "six_pictures" in reached else None
        if count is None or not is_anonymous or not _may_shrink(params):
            return params, ()
        minutes = max(1, round((wait_s or 0) / 60))
        notice = (
            f"Many people are drawing (about {minutes} min of waiting), so this job has {count} "
            f"pictures instead of {params.count}."
        )
        return dataclasses.replace(params, count=count, candidates=None), (notice,)


def _is_above(wait_s: float | None, limit_s: float | None) -> bool:
    return wait_s is not None and limit_s is not None and wait_s > limit_s


def _may_shrink(params: SamplingParams) -> bool:
    return params.count >= FULL_COUNT and not params.seamless
