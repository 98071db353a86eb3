"""Laws of reports: nobody floods the operators with them, and nobody is left without an answer."""

import asyncio

import httpx2
import pytest
from sqlalchemy import URL, func, select

from ninefold.service.limits import PICTURE_REPORTS
from ninefold.service.store.gallery_tables import ReportRow
from ninefold.service.visitors import COOKIE
from tests.service.conftest import MakeSettings
from tests.service.fake_engine import FakeEngine
from tests.service.running import RunningService, running_service

pytestmark = pytest.mark.anyio


async def num_reports(service: RunningService) -> int:
    async with service.gateway.database.connect() as connection:
        return int((await connection.execute(select(func.count(ReportRow.id)))).scalar_one())


async def drawn(service: RunningService) -> str:
    await service.add_worker(FakeEngine())
    job = await service.ended((await service.post("a red apple"))["id"])
    return str(job["pictures"][0]["hash"])


async def report(
    service: RunningService, digest: str, who: str, network: int, note: str = ""
) -> httpx2.Response:
    """Report a picture as somebody of a network."""
    cookie = f"{COOKIE}={service.gateway.visitors.sign(who)}"
    headers = {"Cookie": cookie, "X-Forwarded-For": f"10.0.0.{network}"}
    url = f"/api/v1/pictures/{digest}/report"
    body = {"reason": "hate", "note": note}
    return await service.http.post(url, json=body, headers=headers)


async def test_a_picture_is_reported_up_to_a_number_and_the_rest_is_told_so(
    database_url: URL, make_settings: MakeSettings
) -> None:
    settings = make_settings(reports_per_picture=4, trusted_proxies="127.0.0.1")
    async with running_service(settings, database_url) as service:
        digest = await drawn(service)
        asked = [report(service, digest, f"visitor {n}", n) for n in range(12)]
        answers = await asyncio.gather(*asked)
        assert sorted(answer.status_code for answer in answers) == [202] * 4 + [429] * 8
        refused = [answer.json() for answer in answers if answer.status_code == 429]
        assert {each["code"] for each in refused} == {"enough_reports"}
        assert "often enough already" in refused[0]["detail"]
        assert await num_reports(service) == 4
        kept = next(n for n, answer in enumerate(answers) if answer.status_code == 202)
        again = await report(service, digest, f"visitor {kept}", kept, note="in other words")
        assert again.status_code == 202
        assert await num_reports(service) == 4


async def test_a_network_reports_a_picture_a_few_times_whatever_cookies_it_has(
    database_url: URL, make_settings: MakeSettings
) -> None:
    async with running_service(make_settings(trusted_proxies="127.0.0.1"), database_url) as service:
        digest = await drawn(service)
        answers = [await report(service, digest, f"visitor {n}", 1) for n in range(12)]
        few = PICTURE_REPORTS.amount
        assert [answer.status_code for answer in answers] == [202] * few + [429] * (12 - few)
        assert answers[-1].json()["code"] == "enough_reports"
        assert await num_reports(service) == few
        assert (await report(service, digest, "somebody else", 2)).status_code == 202


@pytest.mark.parametrize(
    "given", [{"reports": "2/day"}, {"address_reports": "2/day"}], ids=["visitor", "network"]
)
async def test_reports_of_many_pictures_are_counted_too(
    database_url: URL, make_settings: MakeSettings, given: dict[str, str]
) -> None:
    settings = make_settings(trusted_proxies="127.0.0.1", **given)
    async with running_service(settings, database_url) as service:
        await service.add_worker(FakeEngine())
        job = await service.ended((await service.post("a red apple"))["id"])
        digests = [picture["hash"] for picture in job["pictures"]]
        answers = [await report(service, digest, "one", 1) for digest in digests]
        assert [answer.status_code for answer in answers] == [202] * 2 + [429] * 7
        assert answers[-1].json()["code"] == "rate_limited"
        assert "more than 2 reports" in answers[-1].json()["detail"]
        assert (await report(service, digests[-1], "two", 2)).status_code == 202


async def test_a_form_says_that_a_picture_was_reported_often_enough(
    database_url: URL, make_settings: MakeSettings
) -> None:
    async with running_service(make_settings(reports_per_picture=1), database_url) as service:
        await service.add_worker(FakeEngine())
        job = await service.ended((await service.post("a red apple"))["id"])
        digest = job["pictures"][0]["hash"]
        assert (await report(service, digest, "somebody", 1)).status_code == 202
        path = f"/g/{job['id']}/pictures/{digest}/report"
        answer = await service.http.post(
            path, data={"reason": "hate"}, headers={"Accept": "text/html"}
        )
        assert answer.status_code == 429
        assert "<html" in answer.text
        assert "often enough already" in answer.text
