"""How often somebody may ask: moving windows per visitor and per address, counted by `limits`.

Says how much is left in the RateLimit headers of draft-ietf-httpapi-ratelimit-headers-11. Knows
nothing of waits and queues: a full queue is for `jobs/acceptance.py` to refuse.
"""

import time
from dataclasses import dataclass

from limits import RateLimitItem, parse
from limits.aio.storage import Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import ConfigurationError
from limits.storage import storage_from_string

from ninefold.errors import UserError
from ninefold.service.problems import Problem
from ninefold.service.visitors import Requester


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

    def __init__(self, storage_url: str, address_rate: str) -> None:
        """Count in a storage of `limits`.

        Args:
            storage_url: "memory://" for this process, or such as "redis://host".
            address_rate: of one address over all its visitors without a key.

        Raises:
            UserError: the storage or a rate cannot be understood.
        """
        url = storage_url if storage_url.startswith("async+") else f"async+{storage_url}"
        try:
            storage = storage_from_string(url)
        except ConfigurationError as error:
            raise UserError(f"NINEFOLD_LIMITS_STORAGE cannot be used: {error}.") from None
        if not isinstance(storage, Storage):
            raise UserError("NINEFOLD_LIMITS_STORAGE is not a storage for asynchronous use.")
        self._limiter = MovingWindowRateLimiter(storage)
        self._address_rate = parse_rate(address_rate)

    async def take(self, requester: Requester) -> Allowance:
        """Count a request and return what is left.

        Raises:
            Problem: nothing was left (`rate_limited`).
        """
        tier = requester.tier
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
