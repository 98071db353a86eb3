"""Who draws next: joins at every step, fair shares, a reserve for priority, deadlines. Pure Python.

Knows requests as so many pictures of equal length, and nothing of prompts, models or threads. Time
comes in as an argument.

Fairness is by service received: every requester has a counter of the codes that slots were given
out for, and the next free slot goes to the smallest (the virtual token counter of Sheng et al.,
"Fairness in Serving Large Language Models", 2024). Who returns after a pause starts at the smallest
counter of those who are there, so that pausing earns nothing. Among requests of one requester the
first come is the first drawn.
"""

from collections import deque
from dataclasses import dataclass, field

from ninefold.engine.config import EngineConfig
from ninefold.engine.slots import SlotPool
from ninefold.engine.step import Image, Join, Progressed, StepPlan, StepResult


@dataclass(frozen=True)
class ScheduledRequest:
    """What scheduling knows of a request."""

    request_id: str
    image_indices: tuple[int, ...]
    requester: str = ""
    priority: int = 0
    """Higher goes first; above 0 it may take reserved slots."""
    deadline: float | None = None
    """Time after which it is not started any more."""


@dataclass
class _Entry:
    task: ScheduledRequest
    order: int
    waiting: deque[int]
    running: set[int] = field(default_factory=set)
    """Slots."""
    has_started: bool = False


@dataclass
class _Drawn:
    entry: _Entry
    image: Image
    num_codes: int = 0


class Scheduler:
    """Gives slots to pictures."""

    def __init__(self, config: EngineConfig, image_length: int) -> None:
        self.config = config
        self.image_length = image_length
        self.slots = SlotPool(config.num_slots)
        self._entries: dict[str, _Entry] = {}
        self._drawn: dict[int, _Drawn] = {}
        self._service: dict[str, int] = {}
        self._num_submitted = 0

    @property
    def num_waiting_images(self) -> int:
        """Pictures without a slot."""
        return sum(len(entry.waiting) for entry in self._entries.values())

    @property
    def num_waiting_requests(self) -> int:
        """Requests of which no picture has had a slot."""
        return sum(not entry.has_started for entry in self._entries.values())

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to draw."""
        return not self._entries

    def submit(self, task: ScheduledRequest) -> None:
        """Accept a request.

        Raises:
            ValueError: there is one of this id, or it has no pictures.
        """
        if task.request_id in self._entries:
            raise ValueError(f"There is a request {task.request_id!r} already.")
        if not task.image_indices:
            raise ValueError("A request needs a picture to draw.")
        if task.requester not in self._service:
            self._service[task.requester] = min(self._service.values(), default=0)
        entry = _Entry(task, self._num_submitted, deque(task.image_indices))
        self._num_submitted += 1
        self._entries[task.request_id] = entry

    def cancel(self, request_id: str) -> tuple[int, ...] | None:
        """End a request and return the slots that it had; None if there is no such request."""
        entry = self._entries.get(request_id)
        if entry is None:
            return None
        freed = tuple(sorted(entry.running))
        for slot in freed:
            drawn = self._drawn.pop(slot)
            self.slots.free(slot)
            self._service[entry.task.requester] -= self.image_length - drawn.num_codes
        self._end(entry)
        return freed

    def schedule(self, now: float) -> StepPlan:
        """Give free slots to waiting pictures, and end what has waited too long."""
        expired = self._expire(now)
        joins = []
        while (entry := self._pick()) is not None:
            joins.append(self._start(entry))
        return StepPlan(tuple(joins), expired)

    def update(self, result: StepResult) -> tuple[Progressed, ...]:
        """Count the codes of a step; complete pictures leave their slots.

        Slots that were freed since the step was planned are passed over.
        """
        progressed = []
        for slot in sorted(result.codes):
            drawn = self._drawn.get(slot)
            if drawn is None:
                continue
            drawn.num_codes += 1
            is_complete = drawn.num_codes == self.image_length
            progressed.append(Progressed(slot, drawn.image, drawn.num_codes, is_complete))
            if is_complete:
                self._leave(slot)
        return tuple(progressed)

    def request_of(self, slot: int) -> str | None:
        """Return the id of the request that draws in a slot."""
        drawn = self._drawn.get(slot)
        return None if drawn is None else drawn.image.request_id

    def codes_left_of(self, request_id: str) -> int:
        """Codes that are still to be drawn for a request; 0 if it is not there."""
        entry = self._entries.get(request_id)
        return 0 if entry is None else self._work(entry)

    def codes_ahead(self, task: ScheduledRequest | None = None) -> int:
        """Codes that are to be drawn for all that is accepted, or before a task's last.

        For a task, accepted or new, that is its own codes, those of its requester that came before,
        those of all higher priority, and of every other requester of its priority as many as its
        own, which is what equal shares give them in that time.
        """
        if task is None:
            return sum(self._work(entry) for entry in self._entries.values())
        own = self._entries.get(task.request_id)
        order = self._num_submitted if own is None else own.order
        higher = 0
        shares: dict[str, int] = {}
        for entry in self._entries.values():
            other = entry.task
            if other.priority > task.priority:
                higher += self._work(entry)
            elif other.priority < task.priority:
                higher += self._running_work(entry)
            elif other.requester != task.requester or entry.order < order:
                shares[other.requester] = shares.get(other.requester, 0) + self._work(entry)
        mine = len(task.image_indices) * self.image_length if own is None else self._work(own)
        mine += shares.pop(task.requester, 0)
        return higher + mine + sum(min(mine, work) for work in shares.values())

    def check_integrity(self) -> None:
        """Check that slots and requests agree; called in tests and when idle."""
        self.slots.check_integrity()
        assert set(self._drawn) == set(self.slots.busy), "a busy slot draws nothing"
        for entry in self._entries.values():
            assert entry.waiting or entry.running, f"{entry.task.request_id} is stuck"
            assert all(self._drawn[slot].entry is entry for slot in entry.running)
        assert sum(len(entry.running) for entry in self._entries.values()) == len(self._drawn)
        requesters = {entry.task.requester for entry in self._entries.values()}
        assert requesters == set(self._service), "a counter without requests"

    def _pick(self) -> _Entry | None:
        """The request whose next picture gets the next slot."""
        free = self.slots.num_free
        least = 0 if free > self.config.reserved_slots else 1
        if not free:
            return None
        candidates = (
            entry
            for entry in self._entries.values()
            if entry.waiting and (entry.task.priority >= least or least == 0)
        )
        return min(
            candidates,
            key=lambda entry: (
                -entry.task.priority,
                self._service[entry.task.requester],
                entry.order,
            ),
            default=None,
        )

    def _start(self, entry: _Entry) -> Join:
        slot = self.slots.allocate()
        image = Image(entry.task.request_id, entry.waiting.popleft())
        entry.running.add(slot)
        entry.has_started = True
        self._drawn[slot] = _Drawn(entry, image)
        self._service[entry.task.requester] += self.image_length
        return Join(slot, image)

    def _leave(self, slot: int) -> None:
        entry = self._drawn.pop(slot).entry
        self.slots.free(slot)
        entry.running.remove(slot)
        if not entry.waiting and not entry.running:
            self._end(entry)

    def _end(self, entry: _Entry) -> None:
        del self._entries[entry.task.request_id]
        requester = entry.task.requester
        if all(other.task.requester != requester for other in self._entries.values()):
            del self._service[requester]

    def _expire(self, now: float) -> tuple[str, ...]:
        expired = [
            entry
            for entry in self._entries.values()
            if not entry.has_started
            and entry.task.deadline is not None
            and entry.task.deadline < now
        ]
        for entry in expired:
            self._end(entry)
        return tuple(entry.task.request_id for entry in expired)

    def _running_work(self, entry: _Entry) -> int:
        return sum(self.image_length - self._drawn[slot].num_codes for slot in entry.running)

    def _work(self, entry: _Entry) -> int:
        return len(entry.waiting) * self.image_length + self._running_work(entry)
