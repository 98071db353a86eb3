"""Laws of the fair order: nobody starves, nobody saves up, and keys get their share."""

from hypothesis import given
from hypothesis import strategies as st

from ninefold.service.jobs.fair_share import Tags, cost_of, next_tags, queue_priority

JOBS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 16)), min_size=1, max_size=60)


class Lane:
    """The order of one lane, as acceptance and claiming keep it in the database."""

    def __init__(self) -> None:
        self.virtual_time = 0
        self.finish: dict[str, int] = {}
        self.waiting: list[tuple[int, int, str, int]] = []
        self.number = 0

    def accept(self, who: str, pictures: int, share: int = 1) -> Tags:
        """Put a job into the order."""
        tags = next_tags(self.virtual_time, self.finish.get(who, 0), cost_of(pictures, share))
        self.finish[who] = tags.finish
        self.number += 1
        self.waiting.append((tags.start, self.number, who, pictures))
        return tags

    def draw(self) -> tuple[str, int]:
        """Take the next job."""
        self.waiting.sort()
        start, _, who, pictures = self.waiting.pop(0)
        self.virtual_time = max(self.virtual_time, start)
        return who, pictures


@given(JOBS)
def test_people_who_wait_get_pictures_alike(jobs: list[tuple[str, int]]) -> None:
    lane = Lane()
    for who, pictures in jobs:
        lane.accept(who, pictures)
    drawn = dict.fromkeys("abc", 0)
    while lane.waiting:
        waiting = {who for _, _, who, _ in lane.waiting}
        # While two people wait, what they were given differs by two jobs of 16 at most.
        for one in waiting:
            for other in waiting:
                assert abs(drawn[one] - drawn[other]) <= 32
        who, pictures = lane.draw()
        drawn[who] += pictures


def test_a_hundred_jobs_of_one_do_not_starve_another() -> None:
    lane = Lane()
    for _ in range(100):
        lane.accept("many", 9)
    for _ in range(10):
        lane.draw()
    lane.accept("one", 9)
    assert "one" in [lane.draw()[0] for _ in range(2)]


@given(JOBS, st.integers(1, 200))
def test_shares_that_are_not_used_are_not_saved_up(jobs: list[tuple[str, int]], idle: int) -> None:
    lane = Lane()
    for _ in range(idle):
        lane.accept("busy", 9)
        lane.draw()
    for who, pictures in jobs:
        assert lane.accept(who, pictures).start >= lane.virtual_time


def test_two_shares_get_twice_as_many_pictures() -> None:
    lane = Lane()
    for _ in range(60):
        lane.accept("key", 9, share=2)
        lane.accept("visitor", 9, share=1)
    drawn = [lane.draw()[0] for _ in range(60)]
    assert drawn.count("key") == 2 * drawn.count("visitor")


@given(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))
def test_the_queue_draws_the_smaller_tag_first_and_the_priority_lane_before_all(
    one: int, other: int
) -> None:
    for lane in (True, False):
        first = queue_priority(min(one, other), is_priority_lane=lane)
        assert first >= queue_priority(max(one, other), is_priority_lane=lane)
    assert queue_priority(one, is_priority_lane=True) >= queue_priority(
        other, is_priority_lane=False
    )
    assert -(2**31) <= queue_priority(one, is_priority_lane=False) < 2**31
