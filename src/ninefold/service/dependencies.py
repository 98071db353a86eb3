"""What routes ask for by type: the gateway, who sends the request, and where people reach us."""

import base64
from contextlib import suppress
from typing import Annotated

from fastapi import Depends, Request, Response
from sqlalchemy import select

from ninefold.service.gateway import Gateway
from ninefold.service.problems import Problem
from ninefold.service.store.database import reading
from ninefold.service.store.tables import ApiKey
from ninefold.service.visitors import (
    COOKIE,
    COOKIE_SECONDS,
    KEY_PREFIX,
    PROOF_HEADER,
    Requester,
    TierName,
    address_share,
    hash_key,
    new_id,
    tiers_of,
)

_TURNED_AWAY = frozenset(
    {"prompt_refused", "proof_of_work", "rate_limited", "too_busy", "too_many_refusals"}
)

_TIERS: tuple[TierName, ...] = ("key", "priority")


async def get_gateway(request: Request) -> Gateway:
    """Return what the gateway holds; a coroutine, since a function would go through a thread."""
    gateway = request.app.state.gateway
    if not isinstance(gateway, Gateway):
        raise AssertionError("the application is not open")
    return gateway


TheGateway = Annotated[Gateway, Depends(get_gateway)]


async def get_requester(request: Request, response: Response, gateway: TheGateway) -> Requester:
    """Return who sends the request; a new visitor gets a cookie with the answer.

    Raises:
        Problem: the API key is not one of ours (`invalid_api_key`).
    """
    requester = await identify(request, gateway)
    if requester.is_new:
        request.state.newcomer = requester
        set_cookie(response, request, gateway, requester)
    return requester


async def get_reporter(request: Request, gateway: TheGateway) -> Requester:
    """Return who sends the request, and give no cookie: a report makes nobody a visitor.

    Raises:
        Problem: the API key is not one of ours (`invalid_api_key`).
    """
    return await identify(request, gateway)


def keep_newcomer(response: Response, request: Request, problem: Problem) -> None:
    """Let a newcomer who was turned away keep who it is, so that it is counted by itself."""
    newcomer = getattr(request.state, "newcomer", None)
    if newcomer is not None and problem.code in _TURNED_AWAY:
        set_cookie(response, request, request.app.state.gateway, newcomer)


async def identify(request: Request, gateway: Gateway) -> Requester:
    """Return who sends the request, by key, cookie or address.

    Raises:
        Problem: the API key is not one of ours (`invalid_api_key`).
    """
    tiers = tiers_of(gateway.settings)
    address = gateway.visitors.address_of(request)
    key = read_key(request)
    if key is not None:
        name, digest = await _find_tier(gateway, key), f"k:{hash_key(key)[:32]}"
        return Requester(digest, digest, address, tiers[name])
    visitor = gateway.visitors.read_cookie(request.cookies.get(COOKIE))
    if visitor is not None:
        owner = share = f"v:{visitor.name}"
    else:
        owner, share = f"v:{new_id()}", address_share(address)
    return Requester(
        owner,
        share,
        address,
        tiers["anonymous"],
        is_new=visitor is None,
        is_young=visitor is None or visitor.is_young,
        proof=request.headers.get(PROOF_HEADER),
    )


def set_cookie(
    response: Response, request: Request, gateway: Gateway, requester: Requester
) -> None:
    """Let a browser keep who it is."""
    response.set_cookie(
        COOKIE,
        gateway.visitors.sign(requester.owner.removeprefix("v:")),
        max_age=COOKIE_SECONDS,
        httponly=True,
        samesite="lax",
        secure=base_url(request, gateway).startswith("https://"),
    )


def read_key(request: Request) -> str | None:
    """Return the API key of a request, if it carries one of our form.

    It is a bearer's token, or the password where a client knows only user and password. Other
    clients' placeholders ("sk-…", "none") are no keys: such a request is a visitor's.
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    value = value.strip()
    if scheme.lower() == "basic":
        with suppress(ValueError):
            value = base64.b64decode(value).decode().partition(":")[2]
    is_key = scheme.lower() in ("bearer", "basic") and value.startswith(KEY_PREFIX)
    return value if is_key else None


async def _find_tier(gateway: Gateway, key: str) -> TierName:
    statement = select(ApiKey.tier).where(ApiKey.hash == hash_key(key), ApiKey.revoked_at.is_(None))
    async with reading(gateway.database).connect() as connection:
        name = (await connection.execute(statement)).scalar_one_or_none()
    for tier in _TIERS:
        if name == tier:
            return tier
    raise Problem(
        401,
        "invalid_api_key",
        "This API key is not known or was revoked; ask the operator for another.",
        headers={"WWW-Authenticate": "Bearer"},
    )


def base_url(request: Request, gateway: Gateway) -> str:
    """Return what absolute addresses begin with, without a slash at the end."""
    given = gateway.settings.public_url
    return given.rstrip("/") if given else str(request.base_url).rstrip("/")


TheRequester = Annotated[Requester, Depends(get_requester)]
TheReporter = Annotated[Requester, Depends(get_reporter)]
