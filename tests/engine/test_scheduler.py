"""Laws of scheduling: who draws next, how fair it is, and what cancelling frees."""

from typing import Any

import pytest

from ninefold.engine.config import EngineConfig
from ninefold.engine.scheduler import ScheduledRequest, Scheduler
from ninefold.engine.step import Image, StepResult

LENGTH = 4


def build(num_slots: int = 4, reserved_slots: int = 0) -> Scheduler:
    return Scheduler(EngineConfig(num_slots=num_slots, reserved_slots=reserved_slots), LENGTH)


def task(name: str, count: int = 2, **values: Any) -> ScheduledRequest:
    return ScheduledRequest(name, tuple(range(count)), **values)


def step(scheduler: Scheduler, now: float = 0.0) -> list[str]:
    """Run one step and return the requests whose pictures were completed."""
    scheduler.schedule(now)
    progressed = scheduler.update(StepResult(dict.fromkeys(scheduler.slots.busy, 7)))
    scheduler.check_integrity()
    return [p.image.request_id for p in progressed if p.is_complete]


def joined(scheduler: Scheduler, now: float = 0.0) -> list[str]:
    return [join.image.request_id for join in scheduler.schedule(now).joins]


def test_pictures_join_at_the_next_step_whatever_the_others_have_drawn() -> None:
    scheduler = build()
    scheduler.submit(task("a", 2))
    step(scheduler)
    scheduler.submit(task("b", 1))
    plan = scheduler.schedule(0.0)
    assert [join.image for join in plan.joins] == [Image("b", 0)]
    assert set(scheduler.slots.busy) == {0, 1, 2}


def test_a_picture_leaves_after_its_last_code_and_the_next_takes_its_slot() -> None:
    scheduler = build(num_slots=1)
    scheduler.submit(task("a", 2))
    done = [step(scheduler) for _ in range(8)]
    assert done == [[], [], [], ["a"]] * 2
    assert scheduler.is_idle


def test_a_requester_with_many_pictures_does_not_keep_others_waiting() -> None:
    scheduler = build(num_slots=4)
    scheduler.submit(task("many", 40, requester="m"))
    step(scheduler)
    scheduler.submit(task("few", 2, requester="f"))
    assert joined(scheduler) == []
    for _ in range(3):
        step(scheduler)
    assert sorted(joined(scheduler)) == ["few", "few", "many", "many"]


def test_requesters_share_the_slots_equally() -> None:
    scheduler = build(num_slots=6)
    for name in "abc":
        scheduler.submit(task(name, 10, requester=name))
    assert sorted(joined(scheduler)) == ["a", "a", "b", "b", "c", "c"]


def test_requests_of_one_requester_are_drawn_in_order() -> None:
    scheduler = build(num_slots=3)
    scheduler.submit(task("a", 2))
    scheduler.submit(task("b", 2))
    assert joined(scheduler) == ["a", "a", "b"]


def test_pausing_earns_nothing() -> None:
    scheduler = build(num_slots=1)
    scheduler.submit(task("a", 3, requester="a"))
    for _ in range(LENGTH):
        step(scheduler)
    scheduler.submit(task("b", 3, requester="b"))
    order = [joined(scheduler)[0]]
    for _ in range(4):
        for _ in range(LENGTH):
            step(scheduler)
        order += joined(scheduler)
    assert order == ["a", "b", "a", "b", "b"]


def test_priority_goes_first_and_has_a_reserve() -> None:
    scheduler = build(num_slots=4, reserved_slots=1)
    scheduler.submit(task("free", 9))
    assert joined(scheduler) == ["free"] * 3
    scheduler.submit(task("paid", 9, requester="p", priority=1))
    assert joined(scheduler) == ["paid"]
    for _ in range(LENGTH):
        step(scheduler)
    assert joined(scheduler) == ["paid"] * 4


def test_cancelling_frees_the_slots_at_once_and_disturbs_nobody() -> None:
    scheduler = build(num_slots=3)
    scheduler.submit(task("a", 5, requester="a"))
    scheduler.submit(task("b", 1, requester="b"))
    scheduler.schedule(0.0)
    busy = sorted(scheduler.slots.busy)
    assert scheduler.cancel("a") == (0, 2)
    # The step was under way; its codes for the freed slots are passed over.
    progressed = scheduler.update(StepResult(dict.fromkeys(busy, 1)))
    assert [(p.slot, p.image.request_id) for p in progressed] == [(1, "b")]
    scheduler.check_integrity()
    assert scheduler.slots.num_free == 2
    assert scheduler.cancel("a") is None


def test_a_request_that_has_not_started_by_its_deadline_is_ended() -> None:
    scheduler = build(num_slots=1)
    scheduler.submit(task("a", 2))
    scheduler.submit(task("late", 1, deadline=5.0))
    scheduler.submit(task("patient", 1))
    assert scheduler.schedule(5.0).expired == ()
    assert scheduler.schedule(5.1).expired == ("late",)
    scheduler.check_integrity()
    assert scheduler.num_waiting_requests == 1


def test_a_request_that_has_started_is_not_ended_by_its_deadline() -> None:
    scheduler = build(num_slots=1)
    scheduler.submit(task("a", 2, deadline=1.0))
    scheduler.schedule(0.0)
    assert scheduler.schedule(9.0).expired == ()


def test_work_ahead_counts_own_codes_equal_shares_and_higher_priority() -> None:
    scheduler = build(num_slots=2)
    scheduler.submit(task("big", 10, requester="x"))
    step(scheduler)  # 2 of 40 codes are drawn
    assert scheduler.codes_ahead() == 38
    small = task("small", 3, requester="y")
    assert scheduler.codes_ahead(small) == 12 + 12
    scheduler.submit(small)
    assert scheduler.codes_ahead(small) == 24
    after = task("after", 1, requester="y")
    assert scheduler.codes_ahead(after) == 4 + 12 + 16
    scheduler.submit(task("paid", 1, requester="z", priority=1))
    assert scheduler.codes_ahead(small) == 28
    paid = task("more", 1, requester="z", priority=1)
    assert scheduler.codes_ahead(paid) == 4 + 4 + 6  # what runs below is not pushed out


def test_what_cannot_be_scheduled_is_refused() -> None:
    scheduler = build()
    scheduler.submit(task("a"))
    with pytest.raises(ValueError, match="already"):
        scheduler.submit(task("a"))
    with pytest.raises(ValueError, match="needs a picture"):
        scheduler.submit(task("b", 0))


def test_the_request_and_the_work_of_a_slot_are_known() -> None:
    scheduler = build()
    scheduler.submit(task("a", 1))
    step(scheduler)
    assert (scheduler.request_of(0), scheduler.request_of(1)) == ("a", None)
    assert (scheduler.codes_left_of("a"), scheduler.codes_left_of("b")) == (3, 0)
