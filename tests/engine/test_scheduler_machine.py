"""Laws of scheduling that hold after any sequence of events."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ninefold.engine.config import EngineConfig
from ninefold.engine.scheduler import ScheduledRequest, Scheduler
from ninefold.engine.step import Image, StepResult

LENGTH = 3
SLOTS = 5
RESERVED = 2


class SchedulerMachine(RuleBasedStateMachine):
    """Submits, cancels, steps, and keeps books of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler(EngineConfig(num_slots=SLOTS, reserved_slots=RESERVED), LENGTH)
        self.now = 0.0
        self.tasks: dict[str, ScheduledRequest] = {}
        self.drawn: dict[Image, int] = {}
        self.place: dict[int, Image] = {}
        self.joins: list[Image] = []
        self.num_submitted = 0

    @rule(
        count=st.integers(1, 6),
        requester=st.sampled_from("abc"),
        priority=st.integers(0, 2),
        patience=st.none() | st.integers(0, 5),
    )
    def submit(self, count: int, requester: str, priority: int, patience: int | None) -> None:
        name = f"r{self.num_submitted}"
        self.num_submitted += 1
        deadline = None if patience is None else self.now + patience
        task = ScheduledRequest(name, tuple(range(count)), requester, priority, deadline)
        self.scheduler.submit(task)
        self.tasks[name] = task

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.tasks)))
        freed = self.scheduler.cancel(name)
        assert freed is not None
        assert {self.place.pop(slot).request_id for slot in freed} <= {name}
        assert name not in {image.request_id for image in self.place.values()}
        del self.tasks[name]

    @rule()
    def step(self) -> None:
        before = self.scheduler.slots.num_free
        plan = self.scheduler.schedule(self.now)
        for name in plan.expired:
            task = self.tasks.pop(name)
            assert task.deadline is not None
            assert task.deadline < self.now
            assert all(image.request_id != name for image in self.joins)
        for number, join in enumerate(plan.joins):
            assert join.slot not in self.place, "a slot is shared"
            assert join.image not in self.joins, "a picture began twice"
            if self.tasks[join.image.request_id].priority == 0:
                assert before - number > RESERVED, "the reserve was given away"
            self.place[join.slot] = join.image
            self.joins.append(join.image)
        busy = sorted(self.scheduler.slots.busy)
        assert busy == sorted(self.place)
        for progressed in self.scheduler.update(StepResult(dict.fromkeys(busy, 0))):
            self.drawn[progressed.image] = self.drawn.get(progressed.image, 0) + 1
            assert progressed.num_codes == self.drawn[progressed.image] <= LENGTH
            if progressed.is_complete:
                assert progressed.num_codes == LENGTH
                del self.place[progressed.slot]
        for name, task in list(self.tasks.items()):
            if all(self.drawn.get(Image(name, i)) == LENGTH for i in task.image_indices):
                del self.tasks[name]

    @rule(seconds=st.integers(1, 4))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def nothing_leaks(self) -> None:
        self.scheduler.check_integrity()
        assert self.scheduler.slots.num_free + len(self.place) == SLOTS
        assert self.scheduler.is_idle == (not self.tasks)

    @invariant()
    def work_ahead_is_what_is_left_to_draw(self) -> None:
        begun = set(self.joins)
        waiting = [
            task
            for name, task in self.tasks.items()
            if any(Image(name, i) not in begun for i in task.image_indices)
        ]
        work = sum(
            LENGTH - self.drawn.get(Image(name, i), 0)
            for name, task in self.tasks.items()
            for i in task.image_indices
        )
        assert self.scheduler.codes_ahead() == work
        assert (self.scheduler.num_waiting_images > 0) == bool(waiting)

    def teardown(self) -> None:
        """Every request that was accepted and not ended is drawn to its end."""
        for _ in range(LENGTH * (1 + sum(len(t.image_indices) for t in self.tasks.values()))):
            self.step()
        assert self.scheduler.is_idle
        assert not self.tasks


TestScheduler = SchedulerMachine.TestCase
TestScheduler.settings = settings(max_examples=60, stateful_step_count=30)
