"""AUTOMATIC1111's API by webuiapi, unmodified."""

import asyncio
import base64
import io
import json
from typing import Any

import pytest
import webuiapi
from PIL import Image
from sqlalchemy import URL

from ninefold.service.administration import Administration
from tests.patience import PATIENCE_S
from tests.service.conftest import MakeSettings
from tests.service.fake_engine import CANNOT, SIZE, FakeEngine
from tests.service.running import RunningService, running_service

pytestmark = pytest.mark.anyio


async def client_of(service: RunningService) -> Any:
    """Return a client; it asks for the scripts while it is made."""
    url = f"{service.address}/sdapi/v1"
    return await asyncio.to_thread(webuiapi.WebUIApi, baseurl=url)


@pytest.fixture
def make_settings(make_settings: MakeSettings) -> MakeSettings:
    """Settings with the surface, which is off unless it is asked for."""

    def make(**given: Any) -> Any:
        return make_settings(**{"surfaces": "api_v1,automatic1111", **given})

    return make


async def test_pictures_come_with_how_they_were_drawn(drawing_service: RunningService) -> None:
    api = await client_of(drawing_service)
    result = await asyncio.to_thread(
        api.txt2img, prompt="a red apple", negative_prompt="a worm", seed=7, batch_size=2, n_iter=2
    )
    assert [(image.format, image.size) for image in result.images] == [("PNG", (SIZE, SIZE))] * 4
    assert result.info["all_prompts"] == ["a red apple"] * 4
    assert result.info["all_seeds"] == [7] * 4
    # The client sends a guidance of 7 with everything, which the model is not made for.
    assert result.parameters["cfg_scale"] == 7
    assert (result.info["cfg_scale"], result.info["width"]) == (2.0, SIZE)
    assert "Guidance 7 is above what this model is made for" in " ".join(result.info["notices"])
    assert result.info["infotexts"][1].splitlines()[:2] == [
        "a red apple",
        "Negative prompt: a worm",
    ]
    assert "Seed: 7, Picture: 1" in result.info["infotexts"][1]
    assert result.parameters["hr_scale"] == 2
    again = await asyncio.to_thread(api.txt2img, prompt="a red apple", seed=7, batch_size=4)
    assert again.info["cfg_scale"] == 1.0
    assert [image.tobytes() for image in again.images] == [
        image.tobytes() for image in result.images
    ]


async def test_minus_one_is_a_seed_of_the_services_choice(drawing_service: RunningService) -> None:
    api = await client_of(drawing_service)
    seeds = [(await asyncio.to_thread(api.txt2img, prompt="a")).info["seed"] for _ in range(2)]
    assert len(set(seeds)) == 2
    assert min(seeds) >= 0


async def test_the_lists_that_clients_read(drawing_service: RunningService) -> None:
    api, name = await client_of(drawing_service), drawing_service.gateway.facts.name
    assert await asyncio.to_thread(api.util_get_model_names) == [f"{name} [0000000000]"]
    assert await asyncio.to_thread(api.util_get_sampler_names) == ["Autoregressive"]
    assert await asyncio.to_thread(api.util_get_scheduler_names) == ["automatic"]
    await asyncio.to_thread(api.util_set_model, name)
    assert (await asyncio.to_thread(api.util_get_current_model)).startswith(name)
    await asyncio.to_thread(api.util_wait_for_ready)
    assert await asyncio.to_thread(api.refresh_checkpoints) is None
    lists = (
        api.get_embeddings,
        api.get_face_restorers,
        api.get_hypernetworks,
        api.get_latent_upscale_modes,
        api.get_loras,
        api.get_prompt_styles,
        api.get_realesrgan_models,
        api.get_sd_vae,
        api.get_upscalers,
    )
    assert [await asyncio.to_thread(read) for read in lists] == [[]] * len(lists)
    assert await asyncio.to_thread(api.get_cmd_flags) == {}
    assert await asyncio.to_thread(api.get_memory) == {}
    assert (api.has_controlnet, api.has_adetailer) == (False, False)


async def test_progress_is_shown_and_an_interruption_ends_it(service: RunningService) -> None:
    engine = FakeEngine(step_s=0.05, may_go_on=asyncio.Event())
    await service.add_worker(engine)
    drawing, watching = await client_of(service), await client_of(service)
    asking = asyncio.create_task(asyncio.to_thread(drawing.txt2img, prompt="a", batch_size=9))
    while not engine.drawn:
        await asyncio.sleep(0.01)
    waiting = asyncio.create_task(asyncio.to_thread(drawing.txt2img, prompt="b", batch_size=9))
    state: dict[str, Any] = {}
    while not state.get("progress") or state["state"]["job_count"] < 2:
        state = await asyncio.to_thread(watching.get_progress)
    assert 0 < state["progress"] < 1
    assert state["state"]["sampling_steps"] == 16
    await asyncio.to_thread(watching.skip)
    first = await asyncio.wait_for(asking, PATIENCE_S)
    assert (first.images, first.info["all_prompts"]) == ([], [])
    assert await asyncio.to_thread(watching.interrupt) == {}
    assert (await asyncio.wait_for(waiting, PATIENCE_S)).images == []
    assert (await asyncio.to_thread(watching.get_progress))["state"]["job_count"] == 0


async def test_the_picture_so_far_is_a_preview(service: RunningService) -> None:
    engine = FakeEngine(may_end=asyncio.Event())
    await service.add_worker(engine)
    api, image = await client_of(service), None
    asking = asyncio.create_task(asyncio.to_thread(api.txt2img, prompt="a"))
    async with asyncio.timeout(PATIENCE_S):
        while image is None:
            image = (await asyncio.to_thread(api.get_progress))["current_image"]
    assert engine.may_end is not None
    engine.may_end.set()
    assert Image.open(io.BytesIO(base64.b64decode(image))).format == "PNG"
    assert (await asking).image.size == (SIZE, SIZE)


async def test_somebody_elses_drawing_is_not_seen(service: RunningService) -> None:
    gateway = service.gateway
    hand = Administration(gateway.database, gateway.queue, gateway.objects)
    key = await hand.create_key("a person", "key")
    owner, other = await client_of(service), await client_of(service)
    await asyncio.to_thread(owner.set_auth, "anybody", key)
    asking = asyncio.create_task(asyncio.to_thread(owner.txt2img, prompt="a"))
    while not (await asyncio.to_thread(owner.get_progress))["state"]["job_count"]:
        await asyncio.sleep(0.01)
    assert (await asyncio.to_thread(other.get_progress))["state"]["job_count"] == 0
    await asyncio.to_thread(other.interrupt)
    await service.add_worker(FakeEngine())
    assert (await asyncio.wait_for(asking, PATIENCE_S)).images


@pytest.mark.parametrize(
    ("members", "status", "code"),
    [
        ({"prompt": "  "}, 422, "invalid_request"),
        ({"prompt": "a", "batch_size": 0}, 422, "invalid_request"),
        ({"prompt": "a", "batch_size": 17}, 422, "invalid_request"),
        ({"prompt": "a", "seed": "x"}, 422, "invalid_request"),
        ({"prompt": "a", "script_name": "X/Y/Z plot"}, 422, "invalid_request"),
        ({"prompt": "a", "alwayson_scripts": {"ControlNet": {}}}, 422, "invalid_request"),
        (
            {"prompt": "a", "override_settings": {"sd_model_checkpoint": "x"}},
            404,
            "model_not_found",
        ),
        ({"prompt": "child porn"}, 422, "prompt_refused"),
        ({"prompt": CANNOT}, 500, "drawing_failed"),
    ],
)
async def test_what_cannot_be_done_is_said_in_its_shape(
    drawing_service: RunningService, members: dict[str, Any], status: int, code: str
) -> None:
    api = await client_of(drawing_service)
    with pytest.raises(RuntimeError) as caught:
        await asyncio.to_thread(api.txt2img, **members)
    assert caught.value.args[0] == status
    problem = json.loads(caught.value.args[1])
    assert (problem["error"], problem["code"]) == ("HTTPException", code)
    assert problem["detail"]
    assert {"body", "errors"} <= set(problem)


async def test_an_unknown_model_is_not_set(drawing_service: RunningService) -> None:
    answer = await drawing_service.http.post(
        "/sdapi/v1/options", json={"sd_model_checkpoint": "sd_xl_base_1.0"}
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "model_not_found")


async def test_a_long_queue_says_when_to_come_back(busy_service: RunningService) -> None:
    answer = await busy_service.http.post("/sdapi/v1/txt2img", json={"prompt": "a red apple"})
    assert (answer.status_code, answer.json()["error"]) == (429, "HTTPException")
    assert int(answer.headers["retry-after"]) > 60


async def test_a_service_that_stops_says_when_to_come_back(service: RunningService) -> None:
    service.gateway.is_draining = True
    answer = await service.http.post("/sdapi/v1/txt2img", json={"prompt": "a red apple"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["error"] == "HTTPException"


async def test_the_surface_is_off_unless_it_is_asked_for(
    database_url: URL, make_settings: MakeSettings
) -> None:
    default = make_settings().__class__.model_fields["surfaces"].default
    async with running_service(make_settings(surfaces=",".join(default)), database_url) as service:
        assert (await service.http.get("/sdapi/v1/progress")).status_code == 404


async def test_members_that_are_not_known_change_nothing_whatever_they_hold(
    drawing_service: RunningService,
) -> None:
    members = {
        "a": ("NaN", "null"),
        "b": ("-Infinity", "null"),
        "c": ("1e999", "null"),
        "denoising_strength": ('{"a": [NaN, 1.5]}', '{"a": [null, 1.5]}'),
        "e": ('"\\ud800"', '"\\ud800"'),
        "f": ('{"\\udfff": "\\u0000"}', '{"\\udfff": "\\u0000"}'),
        "g": ("9" * 4000, "9" * 4000),
        "h": ("[" * 30 + "]" * 30, "[" * 30 + "]" * 30),
    }
    given = ", ".join(f'"{name}": {value}' for name, (value, _) in members.items())
    answer = await drawing_service.http.post(
        "/sdapi/v1/txt2img",
        content=f'{{"prompt": "a red apple", "seed": 7, {given}}}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 200, answer.text
    document = json.loads(answer.content)
    assert len(document["images"]) == 1
    for name, (_, given_back) in members.items():
        assert document["parameters"][name] == json.loads(given_back), name


async def test_what_cannot_be_given_back_is_refused_before_anything_is_drawn(
    service: RunningService,
) -> None:
    engine = FakeEngine()
    await service.add_worker(engine)
    for depth in (40, 400, 900, 20_000):
        body = f'{{"prompt": "a", "x": {"[" * depth}{"]" * depth}}}'
        answer = await service.http.post(
            "/sdapi/v1/txt2img", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in (400, 422), depth
    assert not engine.drawn


async def test_pictures_are_not_changed_and_it_is_said(drawing_service: RunningService) -> None:
    api = await client_of(drawing_service)
    picture = Image.effect_noise((1024, 1024), 99).convert("RGB")
    for call in (
        lambda: api.img2img(images=[picture], prompt="a red apple"),
        lambda: api.extra_single_image(picture),
    ):
        with pytest.raises(RuntimeError, match=r"501.*at /sdapi/v1/txt2img"):
            await asyncio.to_thread(call)


async def test_a_blank_negative_prompt_is_none(drawing_service: RunningService) -> None:
    body = {"prompt": "a red apple", "negative_prompt": " \n ", "cfg_scale": 1}
    answer = await drawing_service.http.post("/sdapi/v1/txt2img", json=body)
    assert answer.status_code == 200, answer.text
    assert json.loads(answer.json()["info"])["negative_prompt"] == ""
