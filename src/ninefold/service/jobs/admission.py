"""Accepting a prompt: cleaned, checked by the policy, placed in the fair order, and committed.

The one way into the queue, for every surface. A job is accepted when its row, its queue entry and
its first event have committed together, and not before. Does not know HTTP.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.errors import UserError
from ninefold.generation.params import SamplingParams, complete, get_preset
from ninefold.safety.verdict import Action, Verdict
from ninefold.service import metrics
from ninefold.service.jobs.admitted import Admitted, write_jobs
from ninefold.service.jobs.estimate import Capacity, expected_seconds
from ninefold.service.jobs.fair_share import cost_of
from ninefold.service.jobs.ladder import NUM_PREVIEWS, Ladder
from ninefold.service.jobs.load import read_backlog
from ninefold.service.jobs.placement import Ahead, Ask, place
from ninefold.service.jobs.queue import Queue
from ninefold.service.jobs.refusal import PromptCheck, PromptRefused
from ninefold.service.model_facts import ModelFacts
from ninefold.service.refusals import Refusal
from ninefold.service.settings import Settings
from ninefold.service.visitors import Requester
from ninefold.text.prompt import clean_prompt

_SEED_BITS = 32  # JavaScript keeps numbers of 53 bits, and a person can type 32


@dataclass(frozen=True)
class JobSpec:
    """What a client asks for, on whichever surface."""

    prompt: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Sampling parameters that are set, and perhaps `preset`."""
    seed: int | None = None
    model: str | None = None
    surface: str = "api_v1"
    trace: str | None = None
    foreign_scale: float | None = None
    """Guidance that another system's client sends, perhaps unasked; see `complete`."""


@dataclass(frozen=True)
class Prepared:
    """A job spec that can be drawn, before it has a place in the queue."""

    spec: JobSpec
    prompt: str
    params: SamplingParams
    notices: tuple[str, ...]
    verdict: Verdict


@dataclass(frozen=True)
class Accepted:
    """A job that is committed with the end of the transaction."""

    row: RowMapping
    """As it stands in the table of jobs."""
    position: int
    eta_s: float | None

    @property
    def job_id(self) -> str:
        return str(self.row["id"])


class Admission:
    """Checks job specs and places their jobs in the queue."""

    def __init__(
        self, settings: Settings, facts: ModelFacts, policy: PromptCheck, queue: Queue
    ) -> None:
        """Accept prompts for one model, by one policy, into one queue."""
        self._settings, self._facts = settings, facts
        self._policy, self._queue = policy, queue
        self.ladder = ladder_of(settings)

    def prepare(self, spec: JobSpec) -> Prepared:
        """Check a job spec without the database.

        Raises:
            Refusal: it cannot be drawn (`invalid_request`, `model_not_found`) or may not be
                (`prompt_refused`).
        """
        settings = self._settings
        if spec.model is not None and spec.model != self._facts.name:
            raise Refusal(
                "model_not_found",
                f"There is no model {spec.model[:100]!r} here; use {self._facts.name!r}.",
            )
        if len(spec.prompt) > settings.max_prompt_characters:
            raise _invalid(
                f"The prompt has {len(spec.prompt):,} characters; give at most "
                f"{settings.max_prompt_characters:,}."
            )
        try:
            prompt = clean_prompt(spec.prompt)
            params, notices = self._params(spec)
        except UserError as error:
            raise _invalid(str(error)) from None
        verdict = self._policy.check(prompt.text, params.negative_prompt)
        metrics.MODERATION.labels("prompt", verdict.category or "", verdict.action.label).inc()
        if verdict.is_refused:
            raise PromptRefused(verdict)
        notices = (*prompt.notices, *notices)
        if verdict.action is not Action.ALLOW:
            notices = (*notices, verdict.reason)
        return Prepared(spec, prompt.text, params, notices, verdict)

    def _params(self, spec: JobSpec) -> tuple[SamplingParams, tuple[str, ...]]:
        settings, values = self._settings, dict(spec.settings)
        preset = values.pop("preset", None)
        seed = secrets.randbits(_SEED_BITS) if spec.seed is None else spec.seed
        notices: tuple[str, ...] = ()
        if negative := values.get("negative_prompt"):
            if len(str(negative)) > settings.max_prompt_characters:
                raise UserError(
                    "The negative prompt is too long; give at most "
                    f"{settings.max_prompt_characters:,} characters."
                )
            cleaned = clean_prompt(negative, "The negative prompt", may_be_empty=True)
            values["negative_prompt"], notices = cleaned.text, cleaned.notices
        completed = complete(
            SamplingParams.from_dict({**values, "seed": seed}),
            get_preset(preset or self._facts.preset),
            foreign_scale=spec.foreign_scale,
        )
        params, notices = completed.params, notices + completed.notices
        if params.count > settings.max_pictures:
            raise UserError(f"Give a count of at most {settings.max_pictures}.")
        if params.num_drawn > settings.max_candidates:
            raise UserError(f"Give at most {settings.max_candidates} candidates.")
        if params.num_drawn > params.count and not self._facts.has_clip:
            raise UserError("This model cannot choose among candidates; leave them out.")
        return params, notices

    async def accept(
        self, connection: AsyncConnection, asked: Sequence[tuple[Prepared, Requester]]
    ) -> list[Accepted | Refusal]:
        """Put jobs into the queue, in the caller's transaction, as if one came after the other.

        Args:
            connection: in a transaction.
            asked: checked jobs and their requesters, in order.

        Returns:
            For each the job, or the refusal that its wait would be too long for the tier
            (`too_busy`).
        """
        decided = await self._decide(connection, asked)
        admitted = [each for each in decided if isinstance(each, Admitted)]
        rows = await write_jobs(connection, self._queue, self._facts.name, admitted)
        return [
            each
            if isinstance(each, Refusal)
            else Accepted(rows[each.job_id], each.position, each.eta_s)
            for each in decided
        ]

    async def _decide(
        self, connection: AsyncConnection, asked: Sequence[tuple[Prepared, Requester]]
    ) -> list[Admitted | Refusal]:
        asks = [
            Ask(
                requester.share,
                requester.tier.lane,
                requester.network,
                cost_of(prepared.params.num_drawn, requester.tier.share),
            )
            for prepared, requester in asked
        ]
        backlog = await read_backlog(connection, asks, self._settings.stalled_s)

        def decide(index: int, ahead: Ahead) -> Admitted | Refusal:
            return self._admit(*asked[index], backlog.capacity, ahead)

        return place(backlog, asks, decide)

    def _admit(
        self, prepared: Prepared, requester: Requester, capacity: Capacity, ahead: Ahead
    ) -> Admitted | Refusal:
        tier = requester.tier
        wait_s = expected_seconds(ahead.codes, 0, capacity)
        if wait_s is not None and wait_s > tier.max_wait_s:
            return self._too_busy(wait_s, tier.max_wait_s, ahead)
        params, fewer = self.ladder.reduce(
            prepared.params, wait_s, is_anonymous=tier.name == "anonymous"
        )
        codes = params.num_drawn * self._facts.image_length
        has_previews = self.ladder.has_previews(wait_s)
        notices = [*prepared.notices, *fewer]
        if self._settings.previews and not has_previews:
            notices.append("Many people are drawing, so pictures are shown when they are finished.")
        length = self._facts.image_length
        return Admitted(
            requester=requester,
            prompt=prepared.prompt,
            params=params,
            surface=prepared.spec.surface,
            trace=prepared.spec.trace,
            verdict=prepared.verdict,
            cost=cost_of(params.num_drawn, tier.share),
            others=ahead.others,
            start_tag=ahead.start_tag,
            codes=codes,
            position=ahead.jobs + 1,
            eta_s=expected_seconds(ahead.codes, codes, capacity),
            notices=notices,
            preview_every=max(1, length // (NUM_PREVIEWS + 1)) if has_previews else 0,
        )

    def _too_busy(self, wait_s: float, max_wait_s: float, ahead: Ahead) -> Refusal:
        # When this much of the queue is drawn, the wait is as long as may be accepted.
        retry_after_s = wait_s - max_wait_s
        return Refusal(
            "too_busy",
            f"{ahead.jobs} jobs are waiting, which takes about {_duration(wait_s)}; ask again in "
            f"{_duration(retry_after_s)}.",
            retry_after_s=retry_after_s,
            extra={"expected_wait_s": round(wait_s, 1), "queue_depth": ahead.jobs},
        )


def _invalid(detail: str) -> Refusal:
    return Refusal("invalid_request", detail)


def ladder_of(settings: Settings) -> Ladder:
    """Return what is left out under load, as the settings have it."""
    from_s = settings.fewer_pictures_from_wait_s if settings.fewer_pictures else None
    return Ladder(
        settings.previews_until_wait_s if settings.previews else None,
        from_s,
        None if from_s is None else 2 * from_s,
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    return f"{round(seconds / 60)} minutes"
