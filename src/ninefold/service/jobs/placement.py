"""Where jobs stand in the queue that are asked for together: as if one came after the other.

Pure: one read of the database goes in (`Backlog`), and for each job comes out what the caller
decides once it knows what is ahead. A job that gets less than it asked for, or nothing, changes
what is ahead of those after it.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol, TypeVar, runtime_checkable

from ninefold.service.jobs.estimate import Capacity
from ninefold.service.jobs.fair_share import next_tags, part_of_network


@dataclass(frozen=True)
class QueuedAt:
    """The jobs of a lane that wait at one start tag."""

    lane: str
    start_tag: int
    jobs: int
    codes: int


@dataclass(frozen=True)
class Standing:
    """How far a requester has used a lane, before the jobs that are to be placed."""

    finish_tag: int
    """Of the requester's last job; 0 if there was none."""
    num_others: int
    """Other visitors of the same network who have a job that waits."""


Name = tuple[str, str]
"""A share and a lane."""


@dataclass(frozen=True)
class Backlog:
    """What waits and what is being drawn, and where requesters stand in it."""

    capacity: Capacity
    drawing_codes: int
    """Codes that are left of the jobs that are being drawn; they are ahead of every other."""
    virtual_times: Mapping[str, int]
    """By lane, the greatest start tag that was begun."""
    queued: Sequence[QueuedAt]
    standings: Mapping[Name, Standing]


@dataclass(frozen=True)
class Ask:
    """A job that is to be placed."""

    share: str
    lane: str
    network: str | None
    """The visitor's; None where networks do not count."""
    cost: int
    """What the job costs if it gets all that it asks for."""

    @property
    def name(self) -> Name:
        return self.share, self.lane


@dataclass(frozen=True)
class Ahead:
    """What is to be drawn before a job."""

    jobs: int
    codes: int
    start_tag: int
    """Where the job stands itself."""
    others: int = 0
    """Other visitors of the same network who have a job that waits."""


@runtime_checkable
class Grant(Protocol):
    """A decision that lets a job in."""

    @property
    def cost(self) -> int:
        """What it costs, which may be less than what was asked for."""

    @property
    def codes(self) -> int:
        """Codes that it has to draw."""


_Decision = TypeVar("_Decision")


def place(
    backlog: Backlog, asks: Sequence[Ask], decide: Callable[[int, Ahead], _Decision]
) -> list[_Decision]:
    """Decide about jobs one after the other, each knowing what the decisions before it left.

    Args:
        backlog: read in the transaction that will write the jobs.
        asks: in the order of their arrival.
        decide: given the index of a job and what is ahead of it, returns a `Grant` or a refusal.

    Returns:
        The decisions, in order.
    """
    line = _Line(backlog)
    decisions = []
    for index, ask in enumerate(asks):
        ahead = line.ahead_of(ask)
        decision = decide(index, ahead)
        if isinstance(decision, Grant):
            line.put(ask, decision, ahead.others)
        decisions.append(decision)
    return decisions


class _Line:
    """The queue as it stands once those that were granted are in it."""

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        self._finish_tags = {name: each.finish_tag for name, each in backlog.standings.items()}
        self._joined: dict[tuple[str | None, str], set[str]] = defaultdict(set)
        """By network and lane, the shares that had nothing that waited and have now."""
        self._put: list[tuple[str, int, int]] = []
        self._tags: dict[str, list[int]] = {}
        self._totals: dict[str, list[tuple[int, int]]] = {}
        """By lane, jobs and codes up to each start tag, none before the first."""
        for lane in backlog.virtual_times:
            queued = sorted(
                (each for each in backlog.queued if each.lane == lane),
                key=lambda each: each.start_tag,
            )
            self._tags[lane] = [each.start_tag for each in queued]
            jobs = accumulate((each.jobs for each in queued), initial=0)
            codes = accumulate((each.codes for each in queued), initial=0)
            self._totals[lane] = list(zip(jobs, codes, strict=True))

    def ahead_of(self, ask: Ask) -> Ahead:
        others = self._others_of(ask)
        start_tag = self._start_of(ask, ask.cost, others)
        jobs, codes = self._waiting_before(ask.lane, start_tag)
        return Ahead(jobs, codes + self._backlog.drawing_codes, start_tag, others)

    def put(self, ask: Ask, grant: Grant, others: int) -> None:
        if not self._waits(ask):
            self._joined[ask.network, ask.lane].add(ask.share)
        start_tag = self._start_of(ask, grant.cost, others)
        self._finish_tags[ask.name] = start_tag + part_of_network(grant.cost, others).cost
        self._put.append((ask.lane, start_tag, grant.codes))

    def _waits(self, ask: Ask) -> bool:
        return self._finish_tags[ask.name] > self._backlog.virtual_times[ask.lane]

    def _others_of(self, ask: Ask) -> int:
        if ask.network is None:
            return 0
        joined = self._joined[ask.network, ask.lane] - {ask.share}
        return self._backlog.standings[ask.name].num_others + len(joined)

    def _start_of(self, ask: Ask, cost: int, others: int) -> int:
        now = self._backlog.virtual_times[ask.lane]
        start = next_tags(now, self._finish_tags[ask.name], cost).start
        return start if self._waits(ask) else start + part_of_network(cost, others).delay

    def _waiting_before(self, lane: str, start_tag: int) -> tuple[int, int]:
        """Return the jobs and codes that are drawn before a job of a lane with this tag."""
        jobs, codes = self._totals[lane][bisect_right(self._tags[lane], start_tag)]
        if lane == "normal":
            first_jobs, first_codes = self._totals.get("priority", [(0, 0)])[-1]
            jobs, codes = jobs + first_jobs, codes + first_codes
        for other, tag, its_codes in self._put:
            is_first = other == "priority" and lane == "normal"
            if is_first or (other == lane and tag <= start_tag):
                jobs, codes = jobs + 1, codes + its_codes
        return jobs, codes
