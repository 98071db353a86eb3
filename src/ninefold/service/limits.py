"""How often somebody may ask: moving windows per visitor and per address, counted by `limits`.

Says how much is left in the RateLimit headers of draft-ietf-httpapi-ratelimit-headers-11, and asks
for work where a network asks for much at once. Knows nothing of waits and queues: a full queue is
for `jobs/acceptance.py` to refuse.
"""

import hashlib
import time
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerSecond, parse
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import ConfigurationError
from limits.storage import storage_from_string

from ninefold.errors import UserError
from ninefold.service.problems import Problem
from ninefold.service.proof_of_work import CHALLENGE_S, ProofOfWork
from ninefold.service.settings import Settings
from ninefold.service.visitors import Requester

_ONCE = RateLimitItemPerSecond(1, CHALLENGE_S)
"""A solution counts once while its challenge holds."""

_FORGETTING_S = 60.0


_MEMORY = "async+memory://"


class _InMemory(MemoryStorage):
    """The library's storage in memory, which forgets what is past once a minute.

    The library's own does at each hit, and hands every key that it knows to a thread for it, so
    that a burst of different prompts costs in the square.
    """

    def __init__(self) -> None:
        super().__init__()
        self.forgets_at = time.monotonic() + _FORGETTING_S

    async def _MemoryStorage__schedule_expiry(self) -> None:  # noqa: N802 - the library's name
        if time.monotonic() >= self.forgets_at:
            self.forgets_at = time.monotonic() + _FORGETTING_S
            await super()._MemoryStorage__schedule_expiry()  # type: ignore[misc]  # private


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
    """Counts requests."""

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
        self._address_rate = parse_rate(settings.address_rate)
        self._prompt_rate = parse_rate(settings.prompt_rate)
        self._refusals = parse_rate(settings.refusals)
        burst = settings.proof_of_work_above
        self._burst = None if burst is None else parse_rate(burst)
        self._work = ProofOfWork(secret, settings.proof_of_work_steps)

    async def take(self, requester: Requester) -> Allowance:
        """Count a request and return what is left.

        Raises:
            Problem: work has to be done first (`proof_of_work`), or nothing was left
                (`rate_limited`).
        """
        tier = requester.tier
        if self._burst is not None and tier.name == "anonymous":
            await self._require_work(self._burst, requester)
        checks: list[tuple[RateLimitItem, str, str]] = [
            (parse_rate(tier.rate), tier.name, requester.share)
        ]
        if tier.name == "anonymous":
            checks.insert(0, (self._address_rate, "address", requester.address))
        allowance: Allowance | None = None
        for rate, name, who in checks:
            is_free = await self._limiter.hit(rate, name, who)
            allowance = await self._allowance(rate, name, who)
            if not is_free:
                raise _too_many(allowance)
        if allowance is None:
            raise AssertionError("there is a limit for everybody")
        return allowance

    async def _require_work(self, burst: RateLimitItem, requester: Requester) -> None:
        if await self._limiter.hit(burst, "burst", requester.address):
            return
        proof = requester.proof
        name = None if proof is None else self._work.solved(proof, requester.address)
        if name is not None and await self._limiter.hit(_ONCE, "proof", name):
            return
        allowance = await self._allowance(burst, "burst", requester.address)
        raise Problem(
            429,
            "proof_of_work",
            "Much is being asked for from your network at once; ask again in "
            f"{allowance.reset_s} seconds. Programs may solve the challenge instead.",
            retry_after_s=allowance.reset_s,
            extra={"challenge": self._work.challenge(requester.address)},
        )

    async def take_prompt(self, prompt: str) -> None:
        """Count a prompt, by a hash of it.

        Raises:
            Problem: it was asked for too often (`rate_limited`).
        """
        digest = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()
        if not await self._limiter.hit(self._prompt_rate, "prompt", digest):
            raise _too_many(await self._allowance(self._prompt_rate, "prompt", digest))

    async def strike(self, requester: Requester) -> None:
        """Count a refused prompt against a visitor."""
        await self._limiter.hit(self._refusals, "refusals", requester.share)

    async def require_few_strikes(self, requester: Requester) -> None:
        """Refuse a visitor whose prompts were refused too often.

        Raises:
            Problem: they were (`too_many_refusals`).
        """
        if await self._limiter.test(self._refusals, "refusals", requester.share):
            return
        allowance = await self._allowance(self._refusals, "refusals", requester.share)
        raise Problem(
            429,
            "too_many_refusals",
            f"{allowance.quota} of your prompts were refused; nothing more is drawn for you for "
            f"{allowance.reset_s} seconds. If that is a mistake, tell whoever runs this service.",
            retry_after_s=allowance.reset_s,
            headers={"x-should-retry": "false"},
        )

    async def _allowance(self, rate: RateLimitItem, name: str, who: str) -> Allowance:
        stats = await self._limiter.get_window_stats(rate, name, who)
        reset_s = max(1, int(stats.reset_time - time.time() + 0.999))
        return Allowance(name, rate.amount, rate.get_expiry(), stats.remaining, reset_s)


def parse_rate(text: str) -> RateLimitItem:
    """Return a rate such as "60/minute".

    Raises:
        UserError: it cannot be understood.
    """
    try:
        return parse(text)
    except ValueError:
        raise UserError(f"{text!r} is no rate; write one such as 60/minute.") from None


def _too_many(allowance: Allowance) -> Problem:
    return Problem(
        429,
        "rate_limited",
        f"That is more than {allowance.quota} jobs in {allowance.window_s} seconds; ask again in "
        f"{allowance.reset_s} seconds.",
        retry_after_s=allowance.reset_s,
        headers=allowance.headers(),
    )
