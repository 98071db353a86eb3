"""Laws of networks in the fair order, with real rows: many names are no more than a few shares."""

import pytest
from sqlalchemy import URL

from ninefold.service.jobs.fair_share import NETWORK_SHARES
from ninefold.service.visitors import COOKIE
from tests.service.conftest import MakeSettings
from tests.service.running import RunningService, running_service

pytestmark = pytest.mark.anyio


async def position(service: RunningService, who: str | None, network: str) -> int:
    """Ask from a network as a visitor, or as a newcomer, and return the place in the queue."""
    service.http.cookies.clear()
    headers = {"X-Forwarded-For": network}
    if who is not None:
        headers["Cookie"] = f"{COOKIE}={service.gateway.visitors.sign(who)}"
    body = {"prompt": "a red apple"}
    answer = await service.http.post("/api/v1/jobs", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return int(answer.json()["position"])


async def test_forty_names_of_a_network_push_nobody_far_back(
    database_url: URL, make_settings: MakeSettings
) -> None:
    settings = make_settings(trusted_proxies="127.0.0.1")
    async with running_service(settings, database_url) as service:
        for number in range(40):
            place = await position(service, f"minted {number}", f"2001:db8::{number}")
            assert place == number + 1
        assert await position(service, None, "192.0.2.2") <= NETWORK_SHARES + 1
        assert await position(service, "somebody", "192.0.2.3") <= NETWORK_SHARES + 2


async def test_many_jobs_of_one_delay_nobody_of_the_same_network(
    database_url: URL, make_settings: MakeSettings
) -> None:
    settings = make_settings(trusted_proxies="127.0.0.1")
    async with running_service(settings, database_url) as service:
        for _ in range(12):
            await position(service, "busy", "192.0.2.1")
        assert await position(service, "mate", "192.0.2.1") == 2
        assert await position(service, None, "192.0.2.1") == 3


async def test_a_report_makes_nobody_a_visitor(drawing_service: RunningService) -> None:
    job = await drawing_service.ended((await drawing_service.post("a red apple"))["id"])
    drawing_service.http.cookies.clear()
    digest = job["pictures"][0]["hash"]
    answer = await drawing_service.http.post(
        f"/api/v1/pictures/{digest}/report", json={"reason": "other"}
    )
    assert answer.status_code == 202
    assert "set-cookie" not in answer.headers
    form = {"reason": "other", "note": ""}
    path = f"/g/{job['id']}/pictures/{digest}/report"
    answer = await drawing_service.http.post(path, data=form)
    assert answer.status_code == 303
    assert "set-cookie" not in answer.headers


async def test_a_newcomer_who_is_refused_keeps_who_it_is(service: RunningService) -> None:
    answer = await service.http.post("/api/v1/jobs", json={"prompt": "a swastika flag"})
    assert answer.status_code == 422
    assert COOKIE in answer.headers["set-cookie"]
