"""Laws of placement: jobs that are asked for together stand as if one came after the other."""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from ninefold.service.jobs.estimate import Capacity
from ninefold.service.jobs.fair_share import NETWORK_SHARES, next_tags, part_of_network
from ninefold.service.jobs.placement import Ahead, Ask, Backlog, QueuedAt, Standing, place

CAPACITY = Capacity(1, 10.0)


@dataclass(frozen=True)
class Granted:
    """A job that was let in, perhaps with less than it asked for."""

    cost: int
    codes: int


REFUSED = "refused"


@dataclass
class Database:
    """The rows that count, and what one transaction after the other does to them."""

    virtual_times: dict[str, int] = field(default_factory=lambda: {"normal": 0, "priority": 0})
    finish_tags: dict[tuple[str, str], int] = field(default_factory=dict)
    networks: dict[tuple[str, str], str | None] = field(default_factory=dict)
    waiting: list[tuple[str, int, int]] = field(default_factory=list)
    """Lane, start tag and codes of each job."""
    drawing_codes: int = 0

    def read(self, asks: Sequence[Ask]) -> Backlog:
        """Return what `load.read_backlog` would."""
        queued: dict[tuple[str, int], list[int]] = defaultdict(list)
        for lane, tag, codes in self.waiting:
            queued[lane, tag].append(codes)
        return Backlog(
            CAPACITY,
            self.drawing_codes,
            dict(self.virtual_times),
            [QueuedAt(lane, tag, len(each), sum(each)) for (lane, tag), each in queued.items()],
            {ask.name: self._standing(ask) for ask in asks},
        )

    def _standing(self, ask: Ask) -> Standing:
        now = self.virtual_times[ask.lane]
        others = [
            name
            for name, finish_tag in self.finish_tags.items()
            if name != ask.name
            and name[1] == ask.lane
            and self.networks[name] == ask.network is not None
            and finish_tag > now
        ]
        return Standing(self.finish_tags.get(ask.name, 0), len(others))

    def write(self, ask: Ask, granted: Granted, others: int) -> None:
        """Take tags for a job and put it into the queue, as its own transaction would."""
        now, last = self.virtual_times[ask.lane], self.finish_tags.get(ask.name, 0)
        part = part_of_network(granted.cost, others)
        delay = 0 if last > now else part.delay
        start_tag = next_tags(now, last, part.cost).start + delay
        self.finish_tags[ask.name] = start_tag + part.cost
        self.networks[ask.name] = ask.network
        self.waiting.append((ask.lane, start_tag, granted.codes))


def ask(share: str, cost: int = 12, lane: str = "normal", network: str | None = None) -> Ask:
    return Ask(share, lane, network, cost)


def networks_of(share: str) -> tuple[str, str | None]:
    """Return the lane and the network of a share, which are always the same for it."""
    kinds = {"a": ("normal", "n"), "b": ("normal", "n"), "c": ("normal", "n"), "d": ("normal", "m")}
    return kinds.get(share, ("priority", None) if share == "p" else ("normal", None))


SHARES = st.sampled_from("abcdkp")
ASKS = st.lists(st.tuples(SHARES, st.sampled_from([12, 48, 108])), max_size=12)
BEFORE = st.lists(st.tuples(SHARES, st.sampled_from([12, 108])), max_size=12)


@given(BEFORE, ASKS, st.integers(0, 300), st.integers(0, 60), st.integers(0, 40))
def test_together_is_as_one_after_the_other(
    before: list[tuple[str, int]],
    asked: list[tuple[str, int]],
    virtual_time: int,
    codes_for_less: int,
    jobs_for_refusal: int,
) -> None:
    """Whatever is refused, or gets less, by what is ahead of it."""

    def decide(ask: Ask, ahead: Ahead) -> Granted | str:
        if ahead.jobs > jobs_for_refusal:
            return REFUSED
        cost = ask.cost // 2 if ahead.codes > codes_for_less else ask.cost
        return Granted(cost, cost // 12)

    def make(share: str, cost: int) -> Ask:
        lane, network = networks_of(share)
        return Ask(share, lane, network, cost)

    database = Database(drawing_codes=3)
    for share, cost in before:
        database.write(make(share, cost), Granted(cost, cost // 12), 0)
    database.virtual_times["normal"] = virtual_time
    database.waiting = [each for each in database.waiting if each[1] > virtual_time]
    asks = [make(share, cost) for share, cost in asked]

    seen: list[Ahead] = []

    def decide_together(index: int, ahead: Ahead) -> Granted | str:
        seen.append(ahead)
        return decide(asks[index], ahead)

    together = place(database.read(asks), asks, decide_together)

    alone, looked = [], []
    for each in asks:
        aheads: list[Ahead] = []

        def decide_alone(
            _: int, ahead: Ahead, ask: Ask = each, told: list[Ahead] = aheads
        ) -> Granted | str:
            told.append(ahead)
            return decide(ask, ahead)

        (decision,) = place(database.read([each]), [each], decide_alone)
        if isinstance(decision, Granted):
            database.write(each, decision, aheads[0].others)
        alone.append(decision)
        looked += aheads
    assert together == alone
    assert seen == looked


def test_ones_own_jobs_follow_each_other_and_anothers_come_between() -> None:
    backlog = Database().read([ask("me"), ask("you")])
    seen: list[Ahead] = []

    def let_in(_: int, ahead: Ahead) -> Granted:
        seen.append(ahead)
        return Granted(12, 4)

    place(backlog, [ask("me"), ask("me"), ask("you")], let_in)
    assert [each.start_tag for each in seen] == [0, 12, 0]
    assert [each.jobs for each in seen] == [0, 1, 1]
    assert [each.codes for each in seen] == [0, 4, 4]


def test_who_gets_nothing_leaves_the_place_to_others() -> None:
    backlog = Database().read([ask("me")])
    seen: list[Ahead] = []

    def refuse_first(index: int, ahead: Ahead) -> Granted | None:
        seen.append(ahead)
        return None if index == 0 else Granted(12, 4)

    place(backlog, [ask("me"), ask("me")], refuse_first)
    assert seen[0] == seen[1]


def test_many_names_of_a_network_ask_together_and_are_delayed() -> None:
    asks = [ask(f"minted {number}", network="n") for number in range(2 * NETWORK_SHARES)]
    seen: list[Ahead] = []

    def let_in(_: int, ahead: Ahead) -> Granted:
        seen.append(ahead)
        return Granted(12, 4)

    place(Database().read(asks), asks, let_in)
    assert [each.others for each in seen] == list(range(2 * NETWORK_SHARES))
    assert [each.start_tag for each in seen] == [0] * NETWORK_SHARES + [12] * NETWORK_SHARES


def test_the_priority_lane_is_ahead_of_the_normal_one() -> None:
    asks = [ask("normal"), ask("paid", lane="priority"), ask("other")]
    seen: list[Ahead] = []

    def let_in(_: int, ahead: Ahead) -> Granted:
        seen.append(ahead)
        return Granted(12, 4)

    place(dataclasses.replace(Database().read(asks), drawing_codes=7), asks, let_in)
    assert [(each.jobs, each.codes) for each in seen] == [(0, 7), (0, 7), (2, 15)]
