"""Laws of probes, status, models and metrics."""

import re
from pathlib import Path

import pytest
from sqlalchemy import URL

from ninefold.service import metrics
from tests.service.conftest import MakeSettings
from tests.service.fake_engine import FakeEngine
from tests.service.running import RunningService, running_service

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).parents[3] / "docs" / "serving.md").read_text(encoding="utf-8")


async def test_a_service_without_a_worker_is_ready_and_says_so(service: RunningService) -> None:
    ready = await service.http.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded: queue only")
    assert (await service.http.get("/livez")).json() == {"status": "ok"}


async def test_a_service_that_stops_is_not_ready_and_accepts_nothing(
    service: RunningService,
) -> None:
    service.gateway.is_draining = True
    assert (await service.http.get("/readyz")).status_code == 503
    assert (await service.http.get("/livez")).status_code == 200
    answer = await service.http.post("/api/v1/jobs", json={"prompt": "a pear"})
    assert (answer.status_code, answer.json()["code"]) == (503, "stopping")
    assert answer.headers["retry-after"]


async def test_status_and_models_come_from_the_workers(service: RunningService) -> None:
    assert (await service.http.get("/api/v1/status")).json()["eta_s"] is None
    await service.add_worker(FakeEngine(step_s=0.1))
    job = await service.ended((await service.post("a red apple"))["id"])
    status = (await service.http.get("/api/v1/status")).json()
    assert (status["workers"], status["slots"], status["queue_depth"]) == (1, 9, 0)
    assert status["images_per_second"] > 0
    model = (await service.http.get("/api/v1/models")).json()["models"][0]
    assert (model["name"], model["deterministic"]) == (job["model"], True)


async def test_metrics_count_what_happened_and_name_nobody(service: RunningService) -> None:
    await service.add_worker(FakeEngine())
    await service.ended((await service.post("a very secret wish"))["id"])
    text = (await service.http.get("/metrics")).text
    for line in ('t2i_jobs_total{outcome="done"}', "t2i_workers 1.0", "t2i_queue_depth 0.0"):
        assert line in text
    assert "secret" not in text
    names = set(re.findall(r"^# TYPE (t2i_\w+)", text, flags=re.MULTILINE))
    names = {name for name in names if not name.endswith("_created")}
    assert names <= set(re.findall(r"t2i_\w+", PAGE))


async def test_metrics_can_be_closed(database_url: URL, make_settings: MakeSettings) -> None:
    async with running_service(make_settings(metrics="none"), database_url) as service:
        assert (await service.http.get("/metrics")).status_code == 404


async def test_pages_of_named_origins_may_call_the_api(
    database_url: URL, make_settings: MakeSettings
) -> None:
    settings = make_settings(cors_origins=("https://a.example",))
    async with running_service(settings, database_url) as service:
        for origin, is_allowed in (("https://a.example", True), ("https://b.example", False)):
            answer = await service.http.get("/api/v1/status", headers={"Origin": origin})
            assert ("access-control-allow-origin" in answer.headers) == is_allowed


def test_every_gauge_has_a_meaning() -> None:
    assert b"t2i_slots 3.0" in metrics.render({"t2i_slots": 3.0})
