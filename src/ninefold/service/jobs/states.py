"""The states of a job and the ways between them. Pure: knows nothing of where jobs are kept."""

from enum import StrEnum


class Status(StrEnum):
    """What has become of a job."""

    QUEUED = "queued"
    DRAWING = "drawing"
    DONE = "done"
    REFUSED = "refused"
    """The policy speaks against it."""
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_ended(self) -> bool:
        """Whether nothing more can happen to the job."""
        return not TRANSITIONS[self]


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.DRAWING, Status.REFUSED, Status.FAILED, Status.CANCELLED}),
    # Back to the queue: its worker was lost or is stopping.
    Status.DRAWING: frozenset(
        {Status.QUEUED, Status.DONE, Status.REFUSED, Status.FAILED, Status.CANCELLED}
    ),
    Status.DONE: frozenset(),
    Status.REFUSED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELLED: frozenset(),
}
"""From each state, those that may follow."""

ACTIVE = tuple(status for status in Status if not status.is_ended)
"""The states of a job that has not ended."""


def sources_of(target: Status) -> tuple[Status, ...]:
    """Return the states from which `target` may be reached."""
    return tuple(source for source, targets in TRANSITIONS.items() if target in targets)
