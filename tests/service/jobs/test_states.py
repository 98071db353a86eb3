"""Laws of a job's states: one end, no way out of it, and only the ways that are named."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ninefold.service.jobs.states import ACTIVE, TRANSITIONS, Status, sources_of


def test_a_state_is_ended_or_active() -> None:
    assert {status for status in Status if status.is_ended} == set(Status) - set(ACTIVE)
    assert set(ACTIVE) == {Status.QUEUED, Status.DRAWING}


@pytest.mark.parametrize("status", list(Status))
def test_sources_are_the_transitions_read_backwards(status: Status) -> None:
    assert all(status in TRANSITIONS[source] for source in sources_of(status))
    assert not any(source.is_ended for source in sources_of(status))


class JobLife(RuleBasedStateMachine):
    """A job under any order of events, with workers that may hold a token that is out of date."""

    def __init__(self) -> None:
        super().__init__()
        self.status, self.attempt = Status.QUEUED, 1
        self.ends: list[Status] = []
        self.tokens: list[int] = []

    def change(self, target: Status, token: int | None = None) -> bool:
        """Change the state as every statement of `transitions` does: if it may, and is held."""
        is_held = token is None or (self.status is Status.DRAWING and token == self.attempt)
        if self.status not in sources_of(target) or not is_held:
            return False
        self.status = target
        if target.is_ended:
            self.ends.append(target)
        return True

    @rule()
    def claim(self) -> None:
        if self.change(Status.DRAWING):
            self.tokens.append(self.attempt)

    @rule()
    def reap(self) -> None:
        if self.status is Status.DRAWING and self.change(Status.QUEUED):
            self.attempt += 1

    @rule()
    def cancel(self) -> None:
        self.change(Status.CANCELLED)

    @precondition(lambda self: self.tokens)
    @rule(
        data=st.data(),
        to=st.sampled_from([Status.DONE, Status.FAILED, Status.REFUSED, Status.QUEUED]),
    )
    def worker_writes(self, data: st.DataObject, to: Status) -> None:
        token = data.draw(st.sampled_from(self.tokens))
        is_newest = token == self.attempt and self.status is Status.DRAWING
        did = self.change(to, token)
        assert did == is_newest
        if did and to is Status.QUEUED:
            self.attempt += 1

    @invariant()
    def ends_at_most_once(self) -> None:
        assert len(self.ends) <= 1
        assert self.status.is_ended == bool(self.ends)


TestJobLife = JobLife.TestCase
