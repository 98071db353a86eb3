"""Laws of jobs of /api/v1, from asking to the last event."""

import asyncio

import pytest

from tests.service.fake_engine import BREAKS, CANNOT, FakeEngine
from tests.service.running import RunningService

pytestmark = pytest.mark.anyio


async def test_a_prompt_becomes_nine_pictures(drawing_service: RunningService) -> None:
    job = await drawing_service.post("a red apple", seed=7)
    assert (job["status"], job["seed"], job["position"]) == ("queued", 7, 1)
    events = await drawing_service.events(job["id"])
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    kinds = [event["type"] for event in events]
    assert kinds[0] == "position"
    assert kinds.index("started") < kinds.index("picture") < kinds.index("ranked")
    assert kinds[-1] == "done"
    done = events[-1]["job"]
    assert done["status"] == "done"
    assert [picture["rank"] for picture in done["pictures"]] == list(range(9))
    assert done["progress"] == {"codes": 144, "total_codes": 144}
    picture = await drawing_service.http.get(done["pictures"][0]["url"])
    assert picture.status_code == 200
    assert picture.content.startswith(b"\x89PNG")
    grid = await drawing_service.http.get(done["grid_url"])
    assert grid.headers["content-type"] == "image/png"


async def test_an_accepted_job_waits_for_a_worker(service: RunningService) -> None:
    jobs = [await service.post(f"prompt {number}") for number in range(3)]
    assert [job["position"] for job in jobs] == [1, 2, 3]
    await service.add_worker(FakeEngine())
    for job in jobs:
        assert (await service.ended(job["id"]))["status"] == "done"


async def test_events_go_on_where_a_reader_stopped(drawing_service: RunningService) -> None:
    job = await drawing_service.post("a red apple")
    all_events = await drawing_service.events(job["id"])
    later = await drawing_service.events(job["id"], after=4)
    assert later == all_events[4:]
    url = f"/api/v1/jobs/{job['id']}/events"
    polled = await drawing_service.http.get(url, params={"wait": 0, "after": 4})
    assert polled.json()["events"] == later


async def test_a_number_that_no_event_can_have_is_refused(service: RunningService) -> None:
    job = await service.post("a red apple")
    url = f"/api/v1/jobs/{job['id']}/events"
    for last in ("9" * 30, "9" * 64, "9223372036854775808", "4611686018427387905"):
        for wait in "01":
            for query, headers in (
                (f"wait={wait}", {"Last-Event-ID": last}),
                (f"after={last}", {}),
            ):
                answer = await service.http.get(f"{url}?{query}", headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_an_event_id_that_is_not_of_ours_begins_at_the_first(
    service: RunningService,
) -> None:
    job = await service.post("a red apple")
    url = f"/api/v1/jobs/{job['id']}/events?wait=0"
    for last in ("", "abc", "-1", "1e3", "\xb2"):
        headers = {b"Last-Event-ID": last.encode("latin-1")}
        answer = await service.http.get(url, headers=headers)
        assert [event["seq"] for event in answer.json()["events"]] == [1]


async def test_who_asked_may_cancel_and_nobody_else(service: RunningService) -> None:
    engine = FakeEngine(may_go_on=asyncio.Event())
    await service.add_worker(engine)
    drawing, waiting = await service.post("first"), await service.post("second")
    while not engine.drawn:
        await asyncio.sleep(0.01)
    stranger = service.http.build_request("DELETE", f"/api/v1/jobs/{drawing['id']}")
    del stranger.headers["cookie"]
    assert (await service.http.send(stranger)).status_code == 403
    for job in (drawing, waiting):
        answer = await service.http.delete(f"/api/v1/jobs/{job['id']}")
        assert answer.json()["status"] == "cancelled"
    while engine.active:
        await asyncio.sleep(0.01)
    assert (await service.events(waiting["id"]))[-1]["type"] == "cancelled"
    again = await service.http.delete(f"/api/v1/jobs/{drawing['id']}")
    assert again.json()["status"] == "cancelled"


@pytest.mark.parametrize(("prompt", "code"), [(CANNOT, "cannot_draw"), (BREAKS, "drawing_failed")])
async def test_a_job_that_cannot_be_drawn_says_why(
    drawing_service: RunningService, prompt: str, code: str
) -> None:
    job = await drawing_service.ended((await drawing_service.post(prompt))["id"])
    assert (job["status"], job["error"]["code"]) == ("failed", code)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"prompt": "   "}, 422, "invalid_request"),
        ({"prompt": "x" * 1001}, 422, "invalid_request"),
        ({"prompt": "a", "seed": -1}, 422, "invalid_request"),
        ({"prompt": "a", "settings": {"count": 17}}, 422, "invalid_request"),
        ({"prompt": "a", "settings": {"top_q": 1}}, 422, "invalid_request"),
        ({"prompt": "a", "model": "dall-e-9"}, 404, "model_not_found"),
        ({"prompt": "child porn"}, 422, "prompt_refused"),
        ({}, 422, "invalid_request"),
    ],
)
async def test_a_request_that_cannot_be_done_is_answered_with_a_problem(
    service: RunningService, body: object, status: int, code: str
) -> None:
    answer = await service.http.post("/api/v1/jobs", json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["detail"].endswith(".")


async def test_a_job_that_is_not_there_is_not_found(service: RunningService) -> None:
    for path in ("", "/events", "/grid.png"):
        answer = await service.http.get(f"/api/v1/jobs/nothing{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
