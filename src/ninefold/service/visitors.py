"""Who asks: a visitor with a signed cookie, the holder of an API key, or an address.

An address is kept only as a keyed hash of its network. Knows nothing of what they may do beyond
their tier's numbers.
"""

import ipaddress
import secrets
import time
from dataclasses import dataclass
from typing import Literal

from blake3 import blake3
from itsdangerous import BadSignature, URLSafeSerializer
from starlette.requests import HTTPConnection

from ninefold.service.settings import Settings

COOKIE = "ninefold_visitor"
COOKIE_SECONDS = 400 * 24 * 3600
"""Browsers keep none for longer."""

KEY_PREFIX = "nf_"

PROOF_HEADER = "Proof-Of-Work"
"""Header with the solution of a challenge that the service set."""

TierName = Literal["anonymous", "key", "priority"]


YOUNG_S = 3600.0
"""Seconds from the gift of a cookie in which its visitor counts as new to the network."""


@dataclass(frozen=True)
class KnownVisitor:
    """Whom a cookie names."""

    name: str
    is_young: bool


@dataclass(frozen=True)
class Tier:
    """What a kind of visitor is given."""

    name: TierName
    lane: Literal["normal", "priority"]
    max_wait_s: float
    rate: str
    share: int


@dataclass(frozen=True)
class Requester:
    """Who sends a request."""

    owner: str
    """Owns the jobs of this request; a new visitor's is new."""
    share: str
    """Counts for the fair order and the rate; that of the address where there is no cookie."""
    address: str
    """Keyed hash of the network that the request comes from."""
    tier: Tier
    is_new: bool = False
    """Whether the answer should set the cookie."""
    is_young: bool = False
    """Whether the cookie was given within the last hour, or there is none yet."""
    proof: str | None = None
    """Solution of a challenge that came with the request."""

    @property
    def network(self) -> str | None:
        """The address where it is part of the fair order: without a key."""
        return self.address if self.tier.name == "anonymous" else None


def tiers_of(settings: Settings) -> dict[TierName, Tier]:
    """Return the tiers as the settings have them."""
    return {
        "anonymous": Tier(
            "anonymous", "normal", settings.anonymous_max_wait_s, settings.anonymous_rate, 1
        ),
        "key": Tier(
            "key", "normal", settings.key_max_wait_s, settings.key_rate, settings.key_share
        ),
        "priority": Tier(
            "priority", "priority", settings.priority_max_wait_s, settings.key_rate, 12
        ),
    }


class Visitors:
    """Reads and signs cookies, and hashes addresses, all with one secret."""

    def __init__(self, secret: str) -> None:
        self._serializer = URLSafeSerializer(secret, salt="ninefold-visitor")
        self._key = blake3(secret.encode(), derive_key_context="ninefold addresses").digest()

    def read_cookie(self, value: str | None) -> KnownVisitor | None:
        """Return the visitor that a cookie names, or None if it is not one of ours."""
        if not value or len(value) > 200:
            return None
        try:
            visitor = self._serializer.loads(value)
        except BadSignature:
            return None
        match visitor:
            case str():  # as cookies were before they told when they were given
                return KnownVisitor(visitor, is_young=False)
            case [str() as name, int() as given_at]:
                return KnownVisitor(name, is_young=time.time() - given_at < YOUNG_S)
        return None

    def sign(self, visitor: str) -> str:
        """Return the cookie that names a visitor from now on."""
        return str(self._serializer.dumps([visitor, int(time.time())]))

    def address_of(self, connection: HTTPConnection) -> str:
        """Return the keyed hash of the network that a request comes from."""
        host = connection.client.host if connection.client else ""
        return blake3(network_of(host).encode(), key=self._key).hexdigest()[:32]


def network_of(host: str) -> str:
    """Return what counts as one address: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def address_share(address: str) -> str:
    """Return the share of those who ask from an address (its keyed hash) without a cookie."""
    return f"a:{address}"


def new_id() -> str:
    """Return an id of 128 bits that cannot be guessed."""
    return secrets.token_urlsafe(16)


def hash_key(key: str) -> str:
    """Return what is stored of an API key; the key has the entropy that passwords lack."""
    return blake3(key.encode(), derive_key_context="ninefold api keys").hexdigest()
