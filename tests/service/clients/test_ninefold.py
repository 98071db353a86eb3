"""Ninefold's own client, and `ninefold draw --server`, against a service that runs."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PIL import Image

from ninefold.cli import main
from ninefold.client import Client
from ninefold.errors import CancelledError, NinefoldError, UserError
from ninefold.pictures.png import parse_recipe, read_recipe
from ninefold.safety.image_policy import Audience
from ninefold.service.jobs.picture_steps import Judgement, PictureSteps
from tests.patience import PATIENCE_S
from tests.service.fake_engine import BREAKS, CANNOT, SIZE, FakeEngine, paint
from tests.service.running import RunningService

pytestmark = pytest.mark.anyio

_Result = TypeVar("_Result")


@pytest.fixture
async def client(service: RunningService) -> AsyncIterator[Client]:
    with Client(service.address) as client:
        yield client


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one, for what is drawn there."""
    folder = tmp_path / "workplace"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


async def beside(work: Callable[..., _Result], *given: Any, **named: Any) -> _Result:
    """Run what blocks beside the service, which is in this process."""
    return await asyncio.to_thread(work, *given, **named)


@pytest.mark.usefixtures("drawing_service")
async def test_a_drawing_is_followed_and_its_pictures_loaded(client: Client) -> None:
    seen: list[str] = []
    job = await beside(
        client.draw,
        "a red apple",
        seed=7,
        settings={"count": 4, "negative_prompt": "a worm"},
        on_event=lambda event: seen.append(event["type"]),
    )
    assert (job["status"], job["seed"], len(job["pictures"])) == ("done", 7, 4)
    assert (seen[0], seen[-1]) == ("position", "done")
    recipe = parse_recipe(await beside(client.load, job, job["pictures"][1]), "it")
    assert (recipe.prompt, recipe.seed) == ("a red apple", 7)
    assert recipe.settings["negative_prompt"] == "a worm"
    assert (await beside(client.load_grid, job)).startswith(b"\x89PNG")
    assert (await beside(client.job, job["id"]))["status"] == "done"


@pytest.mark.usefixtures("drawing_service")
async def test_what_cannot_be_drawn_raises_why(client: Client) -> None:
    for prompt, kind, message in [
        ("a swastika flag", UserError, "hate"),
        (CANNOT, UserError, "cannot be drawn"),
        (BREAKS, NinefoldError, "engine broke"),
    ]:
        with pytest.raises(kind, match=message):
            await beside(client.draw, prompt)
    with pytest.raises(UserError, match="no model 'x'"):
        await beside(client.draw, "a", model="x")


async def test_a_stream_that_breaks_goes_on_where_it_was(
    service: RunningService, client: Client
) -> None:
    engine = FakeEngine(may_go_on=asyncio.Event())
    await service.add_worker(engine)
    seqs: list[int] = []
    drawing = asyncio.create_task(
        beside(client.draw, "a red apple", on_event=lambda event: seqs.append(event["seq"]))
    )
    while not engine.drawn:
        await asyncio.sleep(0.01)
    event_streams = service.gateway.event_streams
    event_streams.stop()  # as a gateway that restarts does
    event_streams._stopped_at = None
    assert engine.may_go_on is not None
    engine.may_go_on.set()
    assert (await asyncio.wait_for(drawing, PATIENCE_S))["status"] == "done"
    assert seqs == list(range(1, len(seqs) + 1))


async def test_a_busy_service_is_waited_for(service: RunningService, client: Client) -> None:
    await service.add_worker(FakeEngine())
    service.gateway.is_draining = True
    told: list[tuple[float, str]] = []

    def on_wait(seconds: float, reason: str) -> None:
        told.append((seconds, reason))
        service.gateway.is_draining = False  # as if another gateway had taken over

    job = await beside(client.draw, "a red apple", on_wait=on_wait)
    assert job["status"] == "done"
    assert told == [(5.0, "The service is restarting; nothing was accepted.")]


async def test_somebody_who_cancels_ends_it(service: RunningService, client: Client) -> None:
    job = await beside(client.submit, "a red apple")
    waiting: asyncio.Task[list[dict[str, Any]]] = asyncio.create_task(
        beside(list, client.follow(job["id"]))
    )
    with Client(service.address) as other, pytest.raises(UserError, match="may"):
        await beside(other.cancel, job["id"])
    assert (await beside(client.cancel, job["id"]))["status"] == "cancelled"
    events = await asyncio.wait_for(waiting, PATIENCE_S)
    assert events[-1]["type"] == "cancelled"
    drawing = asyncio.create_task(beside(client.draw, "a green pear"))
    while not (jobs := await hand_jobs(service)):
        await asyncio.sleep(0.02)
    await beside(client.cancel, jobs[0])
    with pytest.raises(CancelledError, match="cancelled at the service"):
        await asyncio.wait_for(drawing, PATIENCE_S)


async def hand_jobs(service: RunningService) -> list[str]:
    """Return the ids of the jobs that wait."""
    from ninefold.service.administration import Administration

    gateway = service.gateway
    hand = Administration(gateway.database, gateway.queue, gateway.objects)
    return [line.id for line in await hand.jobs("queued", 10)]


async def test_a_service_that_is_not_there_is_said_at_once() -> None:
    with (
        Client("http://127.0.0.1:9") as client,
        pytest.raises(NinefoldError, match=r"http://127\.0\.0\.1:9 cannot be reached"),
    ):
        await beside(client.draw, "a red apple")


async def test_draw_saves_the_services_files_as_it_made_them(
    drawing_service: RunningService, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ("draw", "a red apple", "--server", drawing_service.address, "--seed", "7")
    assert await beside(main, call) == 0
    shown = capsys.readouterr()
    names = [f"a-red-apple-{n}.png" for n in range(1, 10)] + ["grid.png"]
    assert shown.out.splitlines() == [f"pictures/a-red-apple/{name}" for name in names]
    assert f"Drawing at {drawing_service.address}, seed 7." in shown.err
    assert "a red apple: 9 pictures in" in shown.err
    recipe = read_recipe(workplace / "pictures" / "a-red-apple" / names[0])
    assert (recipe.prompt, recipe.seed, recipe.model) == ("a red apple", 7, "tiny")
    with Image.open(workplace / "pictures" / "a-red-apple" / "grid.png") as grid:
        assert grid.width >= 3 * SIZE


@pytest.mark.usefixtures("workplace")
async def test_draw_prints_the_document_that_a_drawing_here_has(
    drawing_service: RunningService, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ("draw", "a cat", "a dog", "--server", drawing_service.address, "--seed", "3", "--json")
    assert await beside(main, (*call, "--count", "2", "--top-k", "20")) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["complete"], document["model"]["name"]) == (True, "tiny")
    assert [drawing["prompt"] for drawing in document["drawings"]] == ["a cat", "a dog"]
    for drawing in document["drawings"]:
        assert (drawing["seed"], drawing["settings"]["seed"]) == (3, 3)
        assert (drawing["settings"]["count"], drawing["settings"]["top_k"]) == (2, 20)
        assert set(drawing["settings"]) == {
            *("seed", "count", "first_image", "condition_scale", "temperature", "top_k", "top_p"),
            *("negative_prompt", "seamless", "candidates", "rank", "dialect", "dtype"),
        }
        assert [Path(picture["path"]).is_file() for picture in drawing["pictures"]] == [True] * 2


@pytest.mark.usefixtures("workplace")
async def test_draw_leaves_hidden_pictures_out_and_says_so(
    service: RunningService, capsys: pytest.CaptureFixture[str]
) -> None:
    hidden = paint("a", 7, 0)

    def judge(images: Sequence[Image.Image]) -> list[Judgement]:
        return [
            Judgement(Audience.NOBODY, "a reason")
            if image.tobytes() == hidden.tobytes()
            else Judgement()
            for image in images
        ]

    await service.add_worker(FakeEngine(), PictureSteps(judge=judge))
    call = ("draw", "a", "--count", "4", "--seed", "7", "--server", service.address)
    assert await beside(main, call) == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 3 + 1
    assert "The service hides 1 of the pictures by its policy." in shown.err


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("a swastika flag",), 2, "hate"),
        (("a", "--like", "x.png"), 2, "--like is for drawing on this machine"),
        (("a", "--dtype", "float16"), 2, "--dtype is for drawing on this machine"),
        (("a", "--model", "x"), 2, "There is no model 'x' here"),
        (("a", "--count", "17"), 2, "at most 16"),
    ],
)
async def test_draw_says_what_is_wrong_and_leaves_nothing(
    drawing_service: RunningService,
    workplace: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    call = ("draw", *options, "--server", drawing_service.address)
    assert await beside(main, call) == code
    shown = capsys.readouterr()
    assert message in shown.err
    assert "Traceback" not in shown.err
    assert (shown.out, list(workplace.iterdir())) == ("", [])


@pytest.mark.usefixtures("workplace")
async def test_draw_says_where_nothing_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert await beside(main, ("draw", "a", "--server", "http://127.0.0.1:9")) == 1
    assert "The service at http://127.0.0.1:9 cannot be reached" in capsys.readouterr().err
    assert await beside(main, ("draw", "a", "--server", "nowhere")) == 2


async def test_an_interruption_cancels_the_job(service: RunningService, workplace: Path) -> None:
    await service.add_worker(FakeEngine(may_go_on=asyncio.Event()))
    command = "import sys; from ninefold.cli import main; sys.exit(main())"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", command, "draw", "a", "--server", service.address),
        cwd=workplace,
        env=dict(os.environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    worker = service.workers[0]
    while not worker._drawings:
        await asyncio.sleep(0.02)
    (job_id,) = worker._drawings
    process.send_signal(signal.SIGINT)
    _, errors = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert (process.returncode, "Stopped; nothing was drawn yet." in errors.decode()) == (130, True)
    assert (await service.job(job_id))["status"] == "cancelled"
    assert list(workplace.iterdir()) == []
