"""OpenAI's client for JavaScript, unmodified, against the service."""

import asyncio
import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import URL

from tests.patience import PATIENCE_S
from tests.service.clients.rates import turn_away_once
from tests.service.conftest import MakeSettings
from tests.service.fake_engine import SIZE, FakeEngine
from tests.service.running import running_service

pytestmark = pytest.mark.anyio

SCRIPT = Path(__file__).parent / "draw_with_openai.js"
ROOT = SCRIPT.parents[3]


async def run_script(address: str) -> Any:
    """Run the script against an address and return what it says."""
    assert (ROOT / "node_modules" / "openai").is_dir(), "run: bash scripts/install_page_tools.sh"
    process = await asyncio.create_subprocess_exec(
        "node",
        str(SCRIPT),
        address,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 0, errors.decode()
    return json.loads(output)


async def test_it_draws_streams_retries_what_may_come_right_and_nothing_else(
    database_url: URL, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_service(make_settings(), database_url) as service:
        turn_away_once(service, "a plum", monkeypatch)
        await service.add_worker(FakeEngine(step_s=0.03))
        report = await run_script(service.address)
    files = [base64.b64decode(item["b64_json"]) for item in report["pictures"]["value"]["data"]]
    images = [Image.open(io.BytesIO(file)) for file in files]
    assert [(image.format, image.size) for image in images] == [("PNG", (SIZE, SIZE))] * 3
    assert report["pictures"]["requests"] == 1

    # One of the two is beyond the rate at first, and the client comes back by itself.
    for answer in report["retried"]["value"]:
        assert answer["data"][0]["url"].startswith(service.address)
    assert report["retried"]["requests"] == 3

    finals = {
        "refused": ("BadRequestError", 400, "moderation_blocked", None),
        "unknown": ("NotFoundError", 404, "model_not_found", "model"),
        "invalid": ("BadRequestError", 400, "invalid_request", "n"),
    }
    for name, expected in finals.items():
        found = report[name]
        assert (found["error"], found["status"], found["code"], found["param"]) == expected
        assert found["requests"] == 1

    events = [event["type"] for event in report["stream"]["value"]]
    assert events.count("image_generation.completed") == 2
    assert events[0] == "image_generation.partial_image"
    assert min(event["size"] for event in report["stream"]["value"]) > 0
