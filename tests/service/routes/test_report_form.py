"""A report or an appeal comes from a form of ours alone, and is kept as the API keeps it."""

from typing import Any

import pytest
from sqlalchemy import select

from ninefold.service.jobs.picture_steps import PictureSteps
from ninefold.service.store.gallery_tables import ReportRow
from tests.service.fake_engine import FakeEngine
from tests.service.running import RunningService
from tests.service.test_picture_moderation import hide_all

pytestmark = pytest.mark.anyio


async def drawn(service: RunningService, prompt: str = "a red apple") -> tuple[str, str]:
    """Draw; return the address of the form of the first picture, and the picture's hash."""
    job = await service.ended((await service.post(prompt))["id"])
    digest = job["pictures"][0]["hash"]
    return f"/g/{job['id']}/pictures/{digest}/report", digest


async def kept(service: RunningService) -> list[tuple[Any, ...]]:
    statement = select(ReportRow.hash, ReportRow.job_id, ReportRow.reason, ReportRow.note)
    async with service.gateway.database.connect() as connection:
        return [tuple(row) for row in await connection.execute(statement)]


async def test_a_report_is_kept_and_the_drawing_says_thanks(
    drawing_service: RunningService,
) -> None:
    address, digest = await drawn(drawing_service)
    job_id = address.split("/")[2]
    page = (await drawing_service.http.get(address)).text
    assert f'src="/i/{digest}.webp"' in page
    assert page.count('type="radio"') == 6
    fields = {"reason": "hate", "note": "look\0 " + "x" * 2000}
    answer = await drawing_service.http.post(address, data=fields)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/g/{job_id}?told=1")
    assert await kept(drawing_service) == [(digest, job_id, "hate", ("look " + "x" * 2000)[:1000])]
    thanks = "Thank you. People will look at it.</p>"
    assert thanks in (await drawing_service.http.get(answer.headers["location"])).text
    assert thanks not in (await drawing_service.http.get(f"/g/{job_id}")).text


async def test_of_a_hidden_picture_only_an_appeal_is_taken(service: RunningService) -> None:
    await service.add_worker(FakeEngine(), PictureSteps(judge=hide_all))
    address, digest = await drawn(service)
    page = (await service.http.get(address)).text
    assert "<img src" not in page.partition("<form")[2].partition("</form>")[0]
    assert 'type="radio"' not in page
    assert 'class="report-why" dir="auto">Hidden.</p>' in page
    await service.http.post(address, data={"reason": "hate", "note": "It is an apple."})
    job_id = address.split("/")[2]
    assert await kept(service) == [(digest, job_id, "appeal", "It is an apple.")]


@pytest.mark.parametrize("reason", [None, "", "nothing", "appeal"])
async def test_a_report_without_a_reason_is_not_kept(
    drawing_service: RunningService, reason: str | None
) -> None:
    address, _ = await drawn(drawing_service)
    fields = {} if reason is None else {"reason": reason}
    answer = await drawing_service.http.post(address, data=fields, headers={"accept": "text/html"})
    assert answer.status_code == 422
    assert "Choose what is wrong with the picture" in answer.text
    assert await kept(drawing_service) == []


async def test_a_form_of_another_site_reports_nothing(drawing_service: RunningService) -> None:
    address, _ = await drawn(drawing_service)
    headers = {"sec-fetch-site": "cross-site"}
    answer = await drawing_service.http.post(address, data={"reason": "hate"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    assert await kept(drawing_service) == []


async def test_a_picture_of_another_drawing_has_no_form_here(
    drawing_service: RunningService,
) -> None:
    address, digest = await drawn(drawing_service)
    other, _ = await drawn(drawing_service, "a castle")
    wrong = f"/g/{other.split('/')[2]}/pictures/{digest}/report"
    assert (await drawing_service.http.get(wrong)).status_code == 404
    answer = await drawing_service.http.post(wrong, data={"reason": "hate"})
    assert answer.status_code == 404
    assert (await drawing_service.http.get(address)).status_code == 200
    assert await kept(drawing_service) == []
