"""Whose job is next: start-time fair queueing, so that one person's hundred jobs starve nobody.

Each job gets a start tag when it is accepted, and the smallest tag is drawn first. A visitor's next
tag is a job's cost after the last, but never before the tag of the job that is being drawn: shares
that are not used are not saved up. Source: Goyal, Vin and Cheng, "Start-time Fair Queueing", 1996.
Pure: knows nothing of databases.
"""

from dataclasses import dataclass

UNITS_PER_PICTURE = 12
"""Cost of a picture to a visitor with one share; 12 is divisible by 1, 2, 3, 4, 6 and 12."""

NETWORK_SHARES = 8
"""Shares of a network's visitors together: as many as ask at once have one each, more part them."""

_HIGHEST = 2**31 - 1  # procrastinate's priority is PostgreSQL's integer


@dataclass(frozen=True)
class Tags:
    """Where a job stands in the order."""

    start: int
    finish: int


def cost_of(num_pictures: int, share: int) -> int:
    """Return what a job costs a visitor who has `share` shares: 1 or more."""
    return max(1, num_pictures * UNITS_PER_PICTURE // share)


@dataclass(frozen=True)
class NetworkPart:
    """What a visitor is charged in company of others of its network, who may be one person."""

    delay: int
    """How much later than now the first job of a visitor starts, who has none that waits."""
    cost: int
    """What its jobs cost."""


def part_of_network(cost: int, others: int) -> NetworkPart:
    """Return what a job costs where others of the same network have jobs that wait.

    Args:
        cost: see `cost_of`.
        others: how many other visitors of the network have waiting jobs.
    """
    return NetworkPart(
        delay=others // NETWORK_SHARES * cost,
        cost=max(cost, cost * (others + 1) // NETWORK_SHARES),
    )


def next_tags(virtual_time: int, last_finish: int, cost: int) -> Tags:
    """Return the tags of a visitor's next job.

    Args:
        virtual_time: the greatest start tag that was begun.
        last_finish: the finish tag of the visitor's job before; 0 if there is none.
        cost: see `cost_of`.
    """
    start = max(virtual_time, last_finish)
    return Tags(start, start + cost)


def queue_priority(start_tag: int, *, is_priority_lane: bool) -> int:
    """Return the tag as a priority of the queue, where the greatest is drawn first."""
    return _HIGHEST - start_tag if is_priority_lane else -start_tag
