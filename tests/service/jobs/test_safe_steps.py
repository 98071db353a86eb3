"""Pictures of the service are judged, marked and signed, and every decision leaves a row."""

import io
from collections.abc import Sequence
from dataclasses import replace

import pytest
from PIL import Image

from ninefold.pictures.png import Recipe, parse_recipe, without_manifest
from ninefold.safety.image_policy import Audience, ImagePolicy
from ninefold.safety.mark import has_mark
from ninefold.safety.provenance import read_manifest
from ninefold.service.administration import Administration
from ninefold.service.jobs.picture_steps import Judgement, PictureSteps, with_recipe
from ninefold.service.jobs.safe_steps import build_steps, judge_by
from ninefold.service.store.objects import content_hash
from tests.safety.conftest import sketch
from tests.service.conftest import MakeSettings
from tests.service.fake_engine import FakeEngine
from tests.service.running import RunningService

RECIPE = Recipe("a cat", 7, 4, {"top_k": 20}, "tiny", "ab" * 32, "ninefold 0.1.0")


class Redness:
    """Takes red pictures for explicit."""

    def scores(self, pictures: Sequence[Image.Image]) -> list[float]:
        return [picture.resize((1, 1)).getpixel((0, 0))[0] / 255 for picture in pictures]  # type: ignore[index]  # of an RGB picture it is a tuple


@pytest.fixture
def steps(make_settings: MakeSettings) -> PictureSteps:
    return build_steps(make_settings())


def test_every_file_of_a_picture_is_signed_and_marked(steps: PictureSteps) -> None:
    stored = steps.finish(sketch(1), RECIPE)
    for extension, media_type in (("png", "image/png"), ("webp", "image/webp")):
        found = read_manifest(stored.files[extension], media_type)  # type: ignore[arg-type]  # one of them
        assert found is not None
        assert (found.state, found.is_generated) == ("intact", True)
        assert found.origin is not None
        assert (found.origin.model, found.origin.prompt, found.origin.mark) == ("tiny", None, "1")
    assert b"a cat" not in b"".join(stored.files[name] for name in ("png", "webp", "jpg"))
    (judgement,) = steps.judge([sketch(1)])
    assert judgement.score is not None
    assert judgement.audience is Audience.GALLERY


def test_a_pictures_address_does_not_depend_on_the_signature(steps: PictureSteps) -> None:
    first, second = (steps.finish(sketch(1), RECIPE) for _ in range(2))
    assert first.files["png"] != second.files["png"]
    whole, recipe = with_recipe(first.files["png"], first.files["json"])
    assert first.digest == second.digest == content_hash(whole)
    assert parse_recipe(whole, "it") == recipe == replace(RECIPE, mark="1")


def test_an_operator_may_have_files_that_tell_the_prompt(make_settings: MakeSettings) -> None:
    stored = build_steps(make_settings(sign_prompts=True)).finish(sketch(1), RECIPE)
    assert parse_recipe(stored.files["png"], "it").prompt == "a cat"
    manifest = read_manifest(stored.files["png"], "image/png")
    assert manifest is not None
    assert manifest.origin is not None
    assert manifest.origin.prompt == "a cat"
    assert stored.digest == content_hash(without_manifest(stored.files["png"]))


def test_what_the_settings_switch_off_is_not_done(make_settings: MakeSettings) -> None:
    settings = make_settings(picture_policy=False, sign_pictures=False, mark_pictures=False)
    steps = build_steps(settings)
    stored = steps.finish(sketch(1), RECIPE)
    assert read_manifest(stored.files["png"], "image/png") is None
    assert parse_recipe(with_recipe(stored.files["png"], stored.files["json"])[0], "") == RECIPE
    assert steps.judge([sketch(1)]) == [Judgement()]
    image = Image.open(io.BytesIO(stored.files["png"]))
    assert not has_mark(image)
    assert not (settings.data / "signing").exists()


@pytest.mark.anyio
async def test_a_hidden_picture_says_why_and_leaves_a_row(service: RunningService) -> None:
    await service.add_worker(FakeEngine(), PictureSteps(judge_by(ImagePolicy(Redness()))))
    job = await service.ended((await service.post("a red apple", seed=1))["id"])
    hidden = [picture for picture in job["pictures"] if picture["hidden"]]
    assert 0 < len(hidden) < 9
    assert all("takes it for sexual content" in picture["hidden_reason"] for picture in hidden)
    assert all(picture["url"] is None for picture in hidden)
    gateway = service.gateway
    hand = Administration(gateway.database, gateway.queue, gateway.objects)
    rows = await hand.decisions(1)
    assert [row["stage"] for row in rows].count("picture") == 9
    refused = {row["hash"] for row in rows if row["action"] == "refuse"}
    assert refused == {picture["hash"] for picture in hidden}
    assert rows[0]["stage"] == "prompt"
    assert rows[0]["action"] == "allow"
    assert all(row["prompt"] is None for row in rows)
