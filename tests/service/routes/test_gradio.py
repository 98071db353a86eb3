"""Laws of Gradio's streams: they are told of what happens, and ask for nothing meanwhile."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import event

from ninefold.service.jobs.events import NewEvent, append
from tests.patience import PATIENCE_S
from tests.service.running import RunningService

pytestmark = pytest.mark.anyio


async def join(service: RunningService, prompt: str) -> str:
    body = {"data": [prompt], "session_hash": "one"}
    answer = await service.http.post("/gradio_api/queue/join", json=body)
    return str(answer.json()["event_id"])


async def messages(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    async for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


async def test_a_stream_looks_for_jobs_of_its_session_when_it_joins_one_and_not_before(
    service: RunningService,
) -> None:
    first = await join(service, "a red apple")
    looks: list[str] = []

    def note(*told: Any) -> None:
        if "jobs.owner" in told[2] and "ended_at" in told[2] and told[2].startswith("SELECT"):
            looks.append(told[2])

    event.listen(service.gateway.database.sync_engine, "before_cursor_execute", note)
    path = "/gradio_api/queue/data?session_hash=one"
    async with service.http.stream("GET", path, timeout=PATIENCE_S) as answer:
        told = messages(answer.aiter_lines())
        while (await anext(told))["msg"] != "estimation":
            pass
        for number in range(10):
            async with service.gateway.database.begin() as connection:
                data = {"codes": number, "total_codes": 144}
                assert await append(connection, first, [NewEvent("progress", data)], only_if=[])
            while (message := await anext(told))["msg"] != "progress":
                pass
            assert message["progress_data"][0]["index"] == number
        # One at the beginning, and perhaps one when the process begins to be notified.
        assert len(looks) <= 2
        second = await join(service, "a green pear")
        while (message := await anext(told))["event_id"] != second:
            pass
        assert len(looks) <= 3
        for job_id in (first, second):
            await service.http.post(
                "/gradio_api/cancel", json={"session_hash": "one", "event_id": job_id}
            )
        ended = []
        async for message in told:
            if message["msg"] == "process_completed":
                ended.append(message["event_id"])
        assert sorted(ended) == sorted([first, second])
        assert message["msg"] == "close_stream"
