"""Accepting a prompt: cleaned, checked by the policy, placed in the fair order, and committed.

The one way into the queue, for every surface. A job is accepted when its row, its queue entry and
its first event have committed together, and not before. Knows nothing of HTTP beyond the codes of
problems.
"""

import functools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, bindparam, func, insert, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.errors import UserError
from ninefold.generation.params import SamplingParams, get_preset
from ninefold.safety.verdict import Action, Verdict
from ninefold.service import metrics
from ninefold.service.jobs.estimate import expected_seconds
from ninefold.service.jobs.fair_share import cost_of
from ninefold.service.jobs.ladder import NUM_PREVIEWS, Ladder
from ninefold.service.jobs.load import Ahead, read_prospect
from ninefold.service.jobs.queue import Queue
from ninefold.service.jobs.refusal import PromptCheck, PromptRefusedProblem
from ninefold.service.jobs.shares import take_tags
from ninefold.service.model_facts import ModelFacts
from ninefold.service.problems import Problem, invalid
from ninefold.service.settings import Settings
from ninefold.service.store import decisions
from ninefold.service.store.tables import Job, JobEvent
from ninefold.service.visitors import Requester, new_id
from ninefold.text.prompt import clean_prompt

_SEED_BITS = 32  # JavaScript keeps numbers of 53 bits, and a person can type 32


@dataclass(frozen=True)
class Wish:
    """What somebody asks for, whatever the surface."""

    prompt: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Sampling parameters that are set, and perhaps `preset`."""
    seed: int | None = None
    model: str | None = None
    surface: str = "native"
    trace: str | None = None


@dataclass(frozen=True)
class Prepared:
    """A wish that can be drawn, before it has a place in the queue."""

    wish: Wish
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
        """Its id."""
        return str(self.row["id"])


class Reception:
    """Takes prompts in."""

    def __init__(
        self, settings: Settings, facts: ModelFacts, policy: PromptCheck, queue: Queue
    ) -> None:
        """Accept prompts for one model, by one policy, into one queue."""
        self._settings, self._facts = settings, facts
        self._policy, self._queue = policy, queue
        self.ladder = ladder_of(settings)

    def prepare(self, wish: Wish) -> Prepared:
        """Check a wish without the database.

        Raises:
            Problem: it cannot be drawn (`invalid_request`, `model_not_found`) or may not be
                (`prompt_refused`).
        """
        settings = self._settings
        if wish.model is not None and wish.model != self._facts.name:
            raise Problem(
                404,
                "model_not_found",
                f"There is no model {wish.model[:100]!r} here; use {self._facts.name!r}.",
            )
        if len(wish.prompt) > settings.max_prompt_characters:
            raise invalid(
                f"The prompt has {len(wish.prompt):,} characters; give at most "
                f"{settings.max_prompt_characters:,}."
            )
        try:
            prompt = clean_prompt(wish.prompt)
            params, notices = self._params(wish)
        except UserError as error:
            raise invalid(str(error)) from None
        verdict = self._policy.check(prompt.text, params.negative_prompt)
        metrics.MODERATION.labels("prompt", verdict.category or "", verdict.action.label).inc()
        if verdict.is_refused:
            raise PromptRefusedProblem(verdict)
        notices = (*prompt.notices, *notices)
        if verdict.action is not Action.ALLOW:
            notices = (*notices, verdict.reason)
        return Prepared(wish, prompt.text, params, notices, verdict)

    def _params(self, wish: Wish) -> tuple[SamplingParams, tuple[str, ...]]:
        settings, values = self._settings, dict(wish.settings)
        preset = values.pop("preset", None)
        start = get_preset(preset).params if preset else self._facts.default_params
        seed = secrets.randbits(_SEED_BITS) if wish.seed is None else wish.seed
        notices: tuple[str, ...] = ()
        if values.get("negative_prompt"):
            cleaned = clean_prompt(values["negative_prompt"], "The negative prompt")
            if len(cleaned.text) > settings.max_prompt_characters:
                raise UserError(
                    "The negative prompt is too long; give at most "
                    f"{settings.max_prompt_characters:,} characters."
                )
            values["negative_prompt"], notices = cleaned.text, cleaned.notices
        params = SamplingParams.from_dict({**start.to_dict(), **values, "seed": seed})
        if params.count > settings.max_pictures:
            raise UserError(f"Give a count of at most {settings.max_pictures}.")
        if params.num_drawn > settings.max_candidates:
            raise UserError(f"Give at most {settings.max_candidates} candidates.")
        if params.num_drawn > params.count and not self._facts.has_clip:
            raise UserError("This model cannot choose among candidates; leave them out.")
        return params, notices

    async def accept(
        self, connection: AsyncConnection, prepared: Prepared, requester: Requester
    ) -> Accepted:
        """Put a job into the queue, in the caller's transaction.

        Raises:
            Problem: the wait would be too long for the tier (`too_busy`).
        """
        tier = requester.tier
        capacity, ahead = await read_prospect(
            connection, requester.share, tier.lane, self._settings.stalled_s
        )
        wait_s = expected_seconds(ahead.steps, 0, capacity)
        params, fewer = self.ladder.reduce(
            prepared.params, wait_s, is_anonymous=tier.name == "anonymous"
        )
        steps = params.num_drawn * self._facts.image_length
        eta_s = expected_seconds(ahead.steps, steps, capacity)
        if wait_s is not None and wait_s > tier.max_wait_s:
            raise self._too_busy(wait_s, tier.max_wait_s, ahead)
        tags = await take_tags(connection, requester, cost_of(params.num_drawn, tier.share))
        has_previews = self.ladder.has_previews(wait_s)
        notices = [*prepared.notices, *fewer]
        if self._settings.previews and not has_previews:
            notices.append("Many people are drawing, so pictures are shown when they are finished.")
        length = self._facts.image_length
        row = await self._insert(
            connection,
            requester,
            prepared.verdict,
            ahead.jobs + 1,
            eta_s,
            prompt=prepared.prompt,
            surface=prepared.wish.surface,
            trace=prepared.wish.trace,
            notices=notices,
            start_tag=tags.start,
            total_steps=steps,
            preview_every=max(1, length // (NUM_PREVIEWS + 1)) if has_previews else 0,
            **_settings_of(params),
        )
        metrics.ACCEPTED.labels(prepared.wish.surface, tier.name).inc()
        return Accepted(row, ahead.jobs + 1, eta_s)

    async def _insert(
        self,
        connection: AsyncConnection,
        requester: Requester,
        verdict: Verdict,
        position: int,
        eta_s: float | None,
        **values: Any,
    ) -> RowMapping:
        """Write the queue's entry, and in one statement the job, its first event and a decision."""
        job_id, lane = new_id(), requester.tier.lane
        entry_id = await self._queue.defer(
            connection, job_id=job_id, attempt=1, lane=lane, start_tag=values["start_tag"]
        )
        job = {
            "id": job_id,
            "owner": requester.owner,
            "share": requester.share,
            "tier": requester.tier.name,
            "lane": lane,
            "model": self._facts.name,
            "entry_id": entry_id,
            "told_position": position,
            **values,
        }
        data = {"position": position, "eta_s": None if eta_s is None else round(eta_s, 1)}
        decision = decisions.of_prompt(verdict)
        given = {"first_event": data, **_named("new", job), **_named("decided", decision)}
        statement = _insertion(tuple(job), tuple(decision))
        row: RowMapping = (await connection.execute(statement, given)).mappings().one()
        return row

    def _too_busy(self, wait_s: float, max_wait_s: float, ahead: Ahead) -> Problem:
        # When this much of the queue is drawn, the wait is as long as may be accepted.
        retry_after_s = wait_s - max_wait_s
        return Problem(
            429,
            "too_busy",
            f"{ahead.jobs} jobs are waiting, which takes about {_duration(wait_s)}; ask again in "
            f"{_duration(retry_after_s)}.",
            retry_after_s=retry_after_s,
            extra={"expected_wait_s": round(wait_s, 1), "queue_depth": ahead.jobs},
        )


@functools.cache
def _insertion(job_columns: tuple[str, ...], decision_columns: tuple[str, ...]) -> Select[Any]:
    """Return the statement that writes a job, its first event and the decision on its prompt.

    Built once: that takes longer than sending it.
    """
    columns: Any = Job.__table__
    values = {name: bindparam(f"new_{name}", type_=columns.c[name].type) for name in job_columns}
    job = insert(Job).values(**values, last_seq=1, told_at=func.now()).returning(columns).cte("job")
    event = insert(JobEvent).values(
        job_id=bindparam("new_id"),
        seq=1,
        type="position",
        data=bindparam("first_event", type_=JSONB),
    )
    decided: dict[str, Any] = {name: bindparam(f"decided_{name}") for name in decision_columns}
    decision = insert(decisions.Decision).values(
        stage="prompt", job_id=bindparam("new_id"), **decided
    )
    return select(job).add_cte(event.cte("event"), decision.cte("decision"))


def _named(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}_{name}": value for name, value in values.items()}


def ladder_of(settings: Settings) -> Ladder:
    """Return what is left out under load, as the settings have it."""
    from_s = settings.fewer_pictures_from_wait_s if settings.fewer_pictures else None
    return Ladder(
        settings.previews_until_wait_s if settings.previews else None,
        from_s,
        None if from_s is None else 2 * from_s,
    )


def _settings_of(params: SamplingParams) -> dict[str, Any]:
    values = params.to_dict()
    return {"seed": values.pop("seed"), "settings": values}


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    return f"{round(seconds / 60)} minutes"
