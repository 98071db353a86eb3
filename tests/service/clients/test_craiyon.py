"""DALL·E Mini's back end and Craiyon's v1 and v3: by craiyon.py, and as other clients ask."""

import asyncio
import base64
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from ninefold import __version__
from tests.patience import PATIENCE_S
from tests.service.fake_engine import CANNOT, SIZE, FakeEngine
from tests.service.running import RunningService

pytestmark = pytest.mark.anyio

SCRIPT = Path(__file__).parent / "draw_with_craiyon.py"
PYTHON = SCRIPT.parents[3] / ".cache" / "craiyon" / "bin" / "python"


async def test_craiyon_py_draws_and_saves(drawing_service: RunningService, tmp_path: Path) -> None:
    assert PYTHON.exists(), "run: bash scripts/install_client_tools.sh"
    process = await asyncio.create_subprocess_exec(
        str(PYTHON),
        str(SCRIPT),
        drawing_service.address,
        str(tmp_path),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 0, errors.decode()
    assert json.loads(output) == {"models": ["v1", "v3"], "next": ""}
    kinds = {"v1": "JPEG", "v1-async": "JPEG", "v3": "WEBP", "v3-async": "WEBP"}
    for folder, kind in kinds.items():
        files = [path.read_bytes() for path in sorted((tmp_path / folder).iterdir())]
        images = [Image.open(io.BytesIO(file)) for file in files]
        assert [(image.format, image.size) for image in images] == [(kind, (SIZE, SIZE))] * 9


async def test_v1_answers_nine_pictures_and_a_version(drawing_service: RunningService) -> None:
    body = {"prompt": "a red apple", "model": "dalle", "unknown": 1}
    answer = await drawing_service.http.post("/generate", json=body)
    assert answer.status_code == 200
    assert answer.text.startswith('{"images":["')
    assert f'"],"version":"{__version__}"' in answer.text
    files = [base64.b64decode(text, validate=True) for text in answer.json()["images"]]
    images = [Image.open(io.BytesIO(file)) for file in files]
    assert [(image.format, image.size) for image in images] == [("JPEG", (SIZE, SIZE))] * 9
    version = await drawing_service.http.get("/version")
    assert version.json() == {"version": __version__}


async def test_v3_answers_paths_behind_the_host(service: RunningService) -> None:
    engine = FakeEngine()
    await service.add_worker(engine)
    body = {
        "prompt": "a red apple",
        "negative_prompt": "a worm",
        "model": "art",
        "token": None,
        "version": "c4ue22fb7kb6wlac",
    }
    answer = (await service.http.post("/v3", json=body)).json()
    assert len(set(answer["images"])) == 9
    assert answer["next_prompt"] == ""
    assert engine.drawn[0].params.negative_prompt == "a worm"
    file = (await service.http.get(f"/{answer['images'][0]}")).raise_for_status()
    assert Image.open(io.BytesIO(file.content)).format == "WEBP"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/generate", {}, 422, "invalid_request"),
        ("/generate", {"prompt": "  "}, 422, "invalid_request"),
        ("/generate", {"prompt": "child porn"}, 422, "prompt_refused"),
        ("/generate", {"prompt": CANNOT}, 500, "drawing_failed"),
        ("/v3", {"prompt": "a", "model": "x"}, 404, "model_not_found"),
    ],
)
async def test_what_cannot_be_done_is_said_as_json(
    drawing_service: RunningService, path: str, body: dict[str, str], status: int, code: str
) -> None:
    answer = await drawing_service.http.post(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert isinstance(answer.json()["detail"], str)


async def test_a_service_that_stops_says_when_to_come_back(service: RunningService) -> None:
    service.gateway.is_draining = True
    answer = await service.http.post("/generate", json={"prompt": "a red apple"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_a_long_queue_says_when_to_come_back(busy_service: RunningService) -> None:
    for path in ("/generate", "/v3"):
        answer = await busy_service.http.post(path, json={"prompt": "a red apple"})
        assert (answer.status_code, answer.json()["code"]) == (429, "too_busy")
        assert int(answer.headers["retry-after"]) > 60


async def test_what_is_being_drawn_when_the_service_stops_is_still_answered(
    service: RunningService,
) -> None:
    engine = FakeEngine(may_go_on=asyncio.Event())
    await service.add_worker(engine)
    ask = service.http.post
    drawn = asyncio.create_task(ask("/generate", json={"prompt": "first"}))
    while not engine.drawn:
        await asyncio.sleep(0.01)
    waiting = asyncio.create_task(ask("/generate", json={"prompt": "second"}))
    while not (await service.http.get("/api/v1/status")).json()["queue_depth"]:
        await asyncio.sleep(0.01)
    service.server.drain()
    assert (await waiting).status_code == 503
    assert engine.may_go_on is not None
    engine.may_go_on.set()
    assert len((await drawn).json()["images"]) == 9
    assert [request.prompt for request in engine.drawn] == ["first"]
