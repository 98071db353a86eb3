"""How often somebody may ask: moving windows per visitor and per address, counted by `limits`.

Prompts are counted before they are checked, jobs once they passed. Says how much is left in the
RateLimit headers of draft-ietf-httpapi-ratelimit-headers-11, and asks for work where a network asks
for much at once. Knows nothing of waits and queues: a full queue is
for `jobs/admission.py` to refuse.
"""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerSecond, parse
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import ConfigurationError
from limits.storage import storage_from_string

from ninefold.errors import UserError
from ninefold.service.jobs.ladder import FULL_COUNT
from ninefold.service.proof_of_work import CHALLENGE_S, ProofOfWork
from ninefold.service.refusals import Refusal
from ninefold.service.settings import Settings
from ninefold.service.visitors import Requester, address_share

_ONCE = RateLimitItemPerSecond(1, CHALLENGE_S)
"""A solution counts once while its challenge holds."""

PROMPT_PARTS = 2
"""A network may use this part of a prompt's rate, so that as much is left to any other."""

CHECKS_PER_JOB = 2
"""Prompts that may be checked for each job of a rate, those that are refused included."""

PICTURE_REPORTS = RateLimitItemPerDay(5)
"""Reports that the visitors of one network may send on one picture."""

NEWCOMERS_PARTS = 2
"""Visitors without a cookie, or with one of the last hour, may use this part of a network's rate.

Whoever takes new cookies to be counted anew leaves the rest to those who were there before.
"""

_FORGETTING_S = 60.0

_MEMORY = "async+memory://"


class _Rest:
    """Stands for a timer of the library's that runs for some seconds and does nothing."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def done(self) -> bool:
        """Whether the seconds have passed."""
        return time.monotonic() >= self._until

    def cancel(self) -> None:
        """End at once."""
        self._until = 0.0


class _InMemory(MemoryStorage):
    """The library's storage in memory, which forgets what is past once a minute.

    The library's own begins to forget at each hit unless its `timer` still runs, and hands every
    key that it knows to a thread for it, so that a burst is quadratic in distinct prompts. Here the
    timer is followed by a rest.
    """

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count hits of a key, as the library does."""
        timer: object = self.timer
        if timer is None or (isinstance(timer, asyncio.Task) and timer.done()):
            self.timer = _Rest(_FORGETTING_S)  # type: ignore[assignment]  # of a task it uses these two
        return await super().acquire_entry(key, limit, expiry, amount)


@dataclass(frozen=True)
class Allowance:
    """What is left to a visitor after a request."""

    policy: str
    """Name of the limit."""
    quota: int
    window_s: int
    remaining: int
    reset_s: int
    """Seconds until something is given back."""

    def headers(self) -> dict[str, str]:
        """Return the headers that say so, those that OpenAI's clients read among them."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.quota};w={self.window_s}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.reset_s}',
            "x-ratelimit-limit-requests": str(self.quota),
            "x-ratelimit-remaining-requests": str(self.remaining),
            "x-ratelimit-reset-requests": f"{self.reset_s}s",
        }


class RateLimits:
    """Counts requests: a visitor's first, then the network's, then the prompt's.

    What is refused by one of them counts against none. A network may use half of a prompt's
    rate and a visitor a part of the network's, so nobody uses up what another network may do.
    """

    def __init__(self, settings: Settings, secret: str) -> None:
        """Count in the storage and up to the rates that the settings name.

        Args:
            settings: the service's.
            secret: signs what is asked of a network in a burst.

        Raises:
            UserError: the storage or a rate cannot be understood.
        """
        url = settings.limits_storage
        url = url if url.startswith("async+") else f"async+{url}"
        try:
            storage = _InMemory() if url == _MEMORY else storage_from_string(url)
        except ConfigurationError as error:
            raise UserError(f"NINEFOLD_LIMITS_STORAGE cannot be used: {error}.") from None
        if not isinstance(storage, Storage):
            raise UserError("NINEFOLD_LIMITS_STORAGE is not a storage for asynchronous use.")
        self._limiter = MovingWindowRateLimiter(storage)
        self._taking = asyncio.Lock()
        self._address_rate = parse_rate(settings.address_rate)
        self._prompt_rate = parse_rate(settings.prompt_rate)
        self._prompt_part = _part(self._prompt_rate, PROMPT_PARTS)
        self._refusals = parse_rate(settings.refusals)
        self._address_refusals = parse_rate(settings.address_refusals)
        self._reports = parse_rate(settings.reports)
        self._address_reports = parse_rate(settings.address_reports)
        burst = settings.proof_of_work_above
        self._burst = None if burst is None else parse_rate(burst)
        self._work = ProofOfWork(secret, settings.proof_of_work_steps)

    async def take_checks(self, requester: Requester, count: int = 1) -> None:
        """Count prompts that are about to be checked, whatever comes of it.

        Args:
            requester: who asks.
            count: how many prompts there are.

        Raises:
            Refusal: nothing was left (`rate_limited`). Then nothing was counted.
        """
        tier = requester.tier
        counts: list[_Count] = [
            (_times(parse_rate(tier.rate), CHECKS_PER_JOB), "checks", (requester.share,))
        ]
        if tier.name == "anonymous":
            rate = _times(self._address_rate, CHECKS_PER_JOB)
            if requester.is_young:
                part = _part(rate, NEWCOMERS_PARTS)
                counts.append((part, "checks of newcomers", (requester.address,)))
            counts.append((rate, "checks of network", (requester.address,)))
        await self._take_all(counts, count, "prompts")

    async def take_report(self, requester: Requester, digest: str) -> None:
        """Count a report on a picture.

        Args:
            requester: who reports.
            digest: the picture's hash.

        Raises:
            Refusal: nothing was left to the visitor or the network (`rate_limited`), or the network
                reported this picture often enough (`enough_reports`). Then nothing was counted.
        """
        counts: list[_Count] = [(self._reports, "reports", (requester.share,))]
        if requester.tier.name == "anonymous":
            network = requester.address
            on_picture = ("reports on picture", digest, network)
            if not await self._limiter.test(PICTURE_REPORTS, *on_picture):
                raise enough_reports()
            counts.append((self._address_reports, "reports of network", (network,)))
            counts.append((PICTURE_REPORTS, on_picture[0], on_picture[1:]))
        await self._take_all(counts, 1, "reports")

    async def _take_all(self, counts: Sequence["_Count"], cost: int, what: str) -> None:
        """Count in all of some limits, or in none of them where one has nothing left."""
        cost = min(cost, *(rate.amount for rate, _, _ in counts))
        async with self._taking:
            for rate, name, who in counts:
                if not await self._limiter.test(rate, name, *who, cost=cost):
                    stats = await self._limiter.get_window_stats(rate, name, *who)
                    raise _too_many_of(what, rate, _seconds_until(stats.reset_time))
            for rate, name, who in counts:
                await self._limiter.hit(rate, name, *who, cost=cost)

    async def take(
        self, requester: Requester, prompt: str, pictures: int = FULL_COUNT
    ) -> Allowance:
        """Count a job and return what is left to the visitor.

        Args:
            requester: who asks.
            prompt: what for; it is counted by a hash.
            pictures: that are drawn for it; nine count as one job.

        Raises:
            Refusal: work has to be done first (`proof_of_work`), or nothing was left
                (`rate_limited`). Then nothing was counted.
        """
        tier = requester.tier
        is_anonymous = tier.name == "anonymous"
        digest = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()
        network = requester.address if is_anonymous else requester.share
        visitor: _Count = (parse_rate(tier.rate), tier.name, (requester.share,))
        counts = [visitor]
        if is_anonymous:
            if requester.is_young:
                part = _part(self._address_rate, NEWCOMERS_PARTS)
                counts.append((part, "newcomers of network", (requester.address,)))
            counts.append((self._address_rate, "address", (requester.address,)))
        counts.append((self._prompt_part, "prompt of network", (digest, network)))
        counts.append((self._prompt_rate, "prompt", (digest,)))
        items = [(_by_pictures(rate), name, who) for rate, name, who in counts]
        # A job that is larger than a whole rate takes all of it; the same is counted everywhere.
        cost = max(1, min(pictures, *(item.amount for item, _, _ in items)))
        async with self._taking:  # so that nobody counts between the look and the count
            proof = await self._require_work(requester)
            for (rate, name, who), (item, _, _) in zip(counts, items, strict=True):
                if not await self._limiter.test(item, name, *who, cost=cost):
                    raise too_many(await self._allowance(rate, name, *who))
            for item, name, who in items:
                await self._limiter.hit(item, name, *who, cost=cost)
            await self._count_work(requester, proof)
        rate, name, who = visitor
        return await self._allowance(rate, name, *who)

    async def _require_work(self, requester: Requester) -> str | None:
        """Return the name of the challenge that was solved; None where none has to be.

        Raises:
            Refusal: one has to be (`proof_of_work`).
        """
        if requester.tier.name != "anonymous":
            return None
        for rate, name in self._demands():
            if not await self._limiter.test(rate, name, requester.address):
                break
        else:
            return None
        proof = requester.proof
        solved = None if proof is None else self._work.solved(proof, requester.address)
        if solved is not None and await self._limiter.test(_ONCE, "proof", solved):
            return solved
        stats = await self._limiter.get_window_stats(rate, name, requester.address)
        reset_s = _seconds_until(stats.reset_time)
        raise Refusal(
            "proof_of_work",
            "Much is being asked for from your network at once; ask again in "
            f"{reset_s} seconds. Programs may solve the challenge instead.",
            retry_after_s=reset_s,
            extra={"challenge": self._work.challenge(requester.address)},
        )

    def _demands(self) -> list[tuple[RateLimitItem, str]]:
        """Return the limits of a network above which each job takes some work."""
        burst = [] if self._burst is None else [(self._burst, "burst")]
        return [*burst, (self._address_refusals, "refusals of network")]

    async def _count_work(self, requester: Requester, proof: str | None) -> None:
        if proof is not None:
            await self._limiter.hit(_ONCE, "proof", proof)
        elif self._burst is not None and requester.tier.name == "anonymous":
            await self._limiter.hit(self._burst, "burst", requester.address)

    async def strike(self, requester: Requester) -> None:
        """Count a refused prompt against a visitor and, without a key, against the network."""
        if visitor := _visitor_of(requester):
            await self._limiter.hit(self._refusals, "refusals", visitor)
        if requester.tier.name != "anonymous":
            return
        # What was solved to be heard at all is used up, too.
        proof = requester.proof
        solved = None if proof is None else self._work.solved(proof, requester.address)
        if solved is not None:
            await self._limiter.hit(_ONCE, "proof", solved)
        await self._limiter.hit(self._address_refusals, "refusals of network", requester.address)

    async def require_few_strikes(self, requester: Requester) -> None:
        """Refuse a visitor whose prompts were refused too often.

        A network from which too many came is not shut out, since others are behind it: each job
        from it takes some work first.

        Raises:
            Refusal: the visitor's own were too many (`too_many_refusals`), or the network's and
                the work is yet to be done (`proof_of_work`).
        """
        visitor = _visitor_of(requester)
        if visitor and not await self._limiter.test(self._refusals, "refusals", visitor):
            stats = await self._limiter.get_window_stats(self._refusals, "refusals", visitor)
            reset_s = _seconds_until(stats.reset_time)
            raise Refusal(
                "too_many_refusals",
                f"{self._refusals.amount} of your prompts were refused; nothing more is drawn for "
                f"you for {reset_s} seconds. If that is a mistake, tell whoever runs this service.",
                retry_after_s=reset_s,
                headers={"x-should-retry": "false"},
            )
        if not await self._limiter.test(
            self._address_refusals, "refusals of network", requester.address
        ):
            await self._require_work(requester)

    async def _allowance(self, rate: RateLimitItem, name: str, *who: str) -> Allowance:
        stats = await self._limiter.get_window_stats(_by_pictures(rate), name, *who)
        reset_s = _seconds_until(stats.reset_time)
        remaining = stats.remaining // FULL_COUNT
        return Allowance(name, rate.amount, rate.get_expiry(), remaining, reset_s)


_Count = tuple[RateLimitItem, str, tuple[str, ...]]
"""A rate in jobs, its name, and whom it is counted for."""


def _visitor_of(requester: Requester) -> str | None:
    """Return whom a refusal is counted for; None for a client that only its network tells."""
    who = requester.owner if requester.is_new else requester.share
    return None if who == address_share(requester.address) else who


def _by_pictures(rate: RateLimitItem) -> RateLimitItem:
    """Return a rate of jobs as one of pictures: what a job costs is what is drawn for it."""
    return type(rate)(rate.amount * FULL_COUNT, rate.multiples)


def _part(rate: RateLimitItem, parts: int) -> RateLimitItem:
    return type(rate)(max(1, rate.amount // parts), rate.multiples)


def _times(rate: RateLimitItem, factor: int) -> RateLimitItem:
    return type(rate)(rate.amount * factor, rate.multiples)


def _seconds_until(moment: float) -> int:
    return max(1, int(moment - time.time() + 0.999))


def parse_rate(text: str) -> RateLimitItem:
    """Return a rate such as "60/minute".

    Raises:
        UserError: it cannot be understood.
    """
    try:
        return parse(text)
    except ValueError:
        raise UserError(f"{text!r} is not a valid rate; write one such as 60/minute.") from None


def too_many(allowance: Allowance) -> Refusal:
    """Return the refusal that nothing is left of a rate of jobs."""
    return Refusal(
        "rate_limited",
        f"That is more than {allowance.quota} jobs in {allowance.window_s} seconds; ask again in "
        f"{allowance.reset_s} seconds.",
        retry_after_s=allowance.reset_s,
        headers=allowance.headers(),
    )


def enough_reports() -> Refusal:
    """Return the refusal that one more report of a picture would say nothing new."""
    return Refusal(
        "enough_reports",
        "This picture was reported often enough already; it waits for whoever runs this service "
        "and needs no further report.",
        headers={"x-should-retry": "false"},
    )


def _too_many_of(what: str, rate: RateLimitItem, reset_s: int) -> Refusal:
    return Refusal(
        "rate_limited",
        f"That is more than {rate.amount} {what} in {rate.get_expiry()} seconds; ask again in "
        f"{reset_s} seconds.",
        retry_after_s=reset_s,
    )
