"""Laws of the whole way from a prompt to pictures, on a tiny model in a folder."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import ninefold
from ninefold import SamplingParams, TextToImage
from ninefold.checkpoints.load import load_vqgan
from ninefold.drawing import Drawing, Preview, Progress
from ninefold.errors import CancelledError, UserError
from ninefold.generation.decode import decode_picture, decode_square
from ninefold.generation.edges import sharpen
from ninefold.generation.params import PRESETS, complete
from ninefold.painting import Painter
from ninefold.pictures.png import encode_png
from ninefold.safety.policy_file import parse_policy
from ninefold.safety.prompt_policy import PromptPolicy
from ninefold.safety.verdict import RefusedError
from tests.tiny import tiny_model_folder

PROMPT = "a red apple"
PARAMS = SamplingParams(seed=3, count=4, condition_scale=3.0)


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> TextToImage:
    return TextToImage.load(tiny_model, device="cpu")


@pytest.fixture(scope="module")
def blind_model(tmp_path_factory: pytest.TempPathFactory) -> TextToImage:
    """A model without CLIP that gives its pictures in the size they are drawn in."""
    folder = tmp_path_factory.mktemp("blind")
    return TextToImage.load(
        tiny_model_folder(folder, name="blind", has_clip=False, picture_size=16), device="cpu"
    )


def replace(**changes: Any) -> SamplingParams:
    return dataclasses.replace(PARAMS, **changes)


def pngs(drawing: Drawing) -> dict[int, bytes]:
    """Return each picture's file, recipe included, by its index."""
    return {p.image_index: encode_png(p.image, drawing.recipe(p)) for p in drawing.pictures}


def test_a_drawing_says_all_that_it_was_drawn_from(model: TextToImage) -> None:
    drawing = model.draw(PROMPT, PARAMS)
    params = complete(PARAMS, PRESETS["pocket"]).params
    assert (drawing.prompt, drawing.params, drawing.notices) == (PROMPT, params, ())
    assert (drawing.model_name, drawing.dtype, drawing.drawn_size) == ("tiny", "float32", 16)
    assert drawing.model_sha256 == model.config.sha256
    recipe = drawing.recipe(drawing.pictures[0])
    assert recipe.index == drawing.pictures[0].image_index
    assert (recipe.prompt, recipe.seed, recipe.model) == (PROMPT, 3, "tiny")
    assert recipe.software == f"ninefold {ninefold.__version__}"
    assert recipe.settings["condition_scale"] == 3.0


def test_the_same_request_gives_the_same_files(model: TextToImage, tiny_model: Path) -> None:
    first = pngs(model.draw(PROMPT, PARAMS))
    assert sorted(first) == [0, 1, 2, 3]
    assert pngs(TextToImage.load(tiny_model, device="cpu").draw(PROMPT, PARAMS)) == first


def test_a_picture_drawn_by_its_recipe_alone_is_the_same_file(model: TextToImage) -> None:
    drawing = model.draw(PROMPT, replace(count=2, candidates=6))
    picture = drawing.pictures[1]
    recipe = drawing.recipe(picture)
    settings = {key: value for key, value in recipe.settings.items() if key != "dtype"}
    alone = SamplingParams.from_dict({**settings, "seed": recipe.seed})
    again = model.draw(recipe.prompt, alone)
    assert pngs(again) == {picture.image_index: encode_png(picture.image, recipe)}


def test_without_settings_the_models_preset_is_drawn(model: TextToImage) -> None:
    assert model.draw(PROMPT).params == PRESETS["pocket"].params


def test_pictures_are_enlarged_from_the_size_they_are_drawn_in(model: TextToImage) -> None:
    picture = model.draw(PROMPT, replace(count=1)).pictures[0]
    drawn = Image.fromarray(decode_picture(model.vqgan, torch.tensor(picture.codes)))
    assert (drawn.size, picture.image.size) == ((16, 16), (32, 32))
    assert picture.image.tobytes() == drawn.resize((32, 32), Image.Resampling.LANCZOS).tobytes()


def test_finished_pictures_of_flat_colours_are_sharpened_and_previews_are_not(
    model: TextToImage, tiny_model: Path
) -> None:
    plain = Painter(model.config, load_vqgan(tiny_model))
    config = dataclasses.replace(model.config, has_flat_colours=True)
    flat = Painter(config, load_vqgan(tiny_model))
    codes = torch.arange(16) * 3

    drawn = Image.fromarray(sharpen(decode_picture(plain.vqgan, codes)))
    assert flat.paint(codes, 0).image == drawn.resize((32, 32), Image.Resampling.LANCZOS)
    assert flat.paint(codes, 0).image != plain.paint(codes, 0).image
    assert flat.preview(codes[:8], 0).image == plain.preview(codes[:8], 0).image
    square = flat.paint_square(codes[None].expand(4, -1), range(4))
    assert square[0].image != plain.paint_square(codes[None].expand(4, -1), range(4))[0].image


def test_ranked_pictures_come_best_first(model: TextToImage) -> None:
    scores = [picture.score for picture in model.draw(PROMPT, PARAMS).pictures]
    assert None not in scores
    assert scores == sorted(scores, reverse=True)  # type: ignore[type-var] # none is None


def test_the_best_of_the_candidates_are_kept(model: TextToImage) -> None:
    everything = model.draw(PROMPT, replace(count=10))
    best = model.draw(PROMPT, replace(count=3, candidates=10))
    assert best.pictures == everything.pictures[:3]


def test_unranked_pictures_stand_in_drawing_order_without_scores(model: TextToImage) -> None:
    pictures = model.draw(PROMPT, replace(rank=False, first_image=5)).pictures
    assert [(picture.image_index, picture.score) for picture in pictures] == [
        (index, None) for index in (5, 6, 7, 8)
    ]


def test_a_model_without_clip_says_that_it_does_not_rank(blind_model: TextToImage) -> None:
    drawing = blind_model.draw(PROMPT, PARAMS)
    assert drawing.notices == ("Model 'blind' has no CLIP, so its pictures are not ranked.",)
    assert [picture.image_index for picture in drawing.pictures] == [0, 1, 2, 3]
    assert drawing.pictures[0].image.size == (16, 16)
    assert blind_model.draw(PROMPT, replace(rank=False)).notices == ()


def test_a_model_without_clip_cannot_choose_among_candidates(blind_model: TextToImage) -> None:
    with pytest.raises(UserError, match="leave the candidates out"):
        blind_model.draw(PROMPT, replace(candidates=8))


def test_seamless_pictures_are_the_parts_of_one_square(model: TextToImage) -> None:
    drawing = model.draw(PROMPT, replace(seamless=True))
    codes = torch.tensor([picture.codes for picture in drawing.pictures])
    square = Image.fromarray(decode_square(model.vqgan, codes)).resize(
        (64, 64), Image.Resampling.LANCZOS
    )
    images = [np.asarray(picture.image) for picture in drawing.pictures]
    rows = [np.concatenate(images[:2], axis=1), np.concatenate(images[2:], axis=1)]
    np.testing.assert_array_equal(np.concatenate(rows), np.asarray(square))
    assert [picture.score for picture in drawing.pictures] == [None] * 4
    assert drawing.recipe(drawing.pictures[1]).settings["count"] == 4


def test_a_negative_prompt_changes_the_pictures(model: TextToImage) -> None:
    negative = model.draw(PROMPT, replace(negative_prompt="green\x00leaves"))
    assert negative.params.negative_prompt == "green leaves"
    assert negative.notices == ("The negative prompt held control characters; they are left out.",)
    assert pngs(negative) != pngs(model.draw(PROMPT, PARAMS))


def test_notices_tell_what_was_changed_in_the_prompt(model: TextToImage) -> None:
    drawing = model.draw("a\x07 very very very long prompt", replace(count=1))
    assert drawing.prompt == "a very very very long prompt"
    assert [notice.split(";")[0].split(",")[0] for notice in drawing.notices] == [
        "The prompt held control characters",
        "The prompt has 30 tokens",
    ]


@pytest.mark.parametrize("prompt", ["", "   ", "\n"])
def test_a_blank_prompt_is_refused(model: TextToImage, prompt: str) -> None:
    with pytest.raises(UserError, match="The prompt is empty"):
        model.draw(prompt)


def test_progress_reaches_its_total_with_the_last_picture(model: TextToImage) -> None:
    steps: list[Progress] = []
    model.draw(PROMPT, PARAMS, on_progress=steps.append)
    assert [progress.step for progress in steps] == list(range(1, 21))
    assert {progress.total for progress in steps} == {16 + 4}
    assert [progress.picture for progress in steps] == [0] * 16 + [1, 2, 3, 4]


def test_seamless_progress_reaches_its_total_too(model: TextToImage) -> None:
    steps: list[Progress] = []
    model.draw(PROMPT, replace(seamless=True), on_progress=steps.append)
    assert steps[-1] == Progress(20, 20, 4)


def test_previews_come_for_every_picture_but_not_when_it_is_finished(model: TextToImage) -> None:
    previews: list[Preview] = []
    params = replace(first_image=7)  # two groups: 7 and 8, then 9 and 10
    model.draw(PROMPT, params, on_preview=previews.append, preview_every=8)
    assert [(preview.image_index, preview.num_codes) for preview in previews] == [
        (7, 8),
        (8, 8),
        (9, 8),
        (10, 8),
    ]
    assert {preview.image.size for preview in previews} == {(32, 32)}


def test_previews_do_not_change_the_pictures(model: TextToImage) -> None:
    previewed = model.draw(PROMPT, PARAMS, on_preview=lambda _: None, preview_every=1)
    assert previewed == model.draw(PROMPT, PARAMS)


def test_previews_need_a_distance(model: TextToImage) -> None:
    with pytest.raises(UserError, match="preview_every must be 1 or more codes, not 0"):
        model.draw(PROMPT, PARAMS, preview_every=0)


@pytest.mark.parametrize(
    ("seamless", "num_steps"), [(False, 0), (False, 7), (False, 16), (False, 18), (True, 16)]
)
def test_a_drawing_stops_at_the_next_step_or_picture(
    model: TextToImage, seamless: bool, num_steps: int
) -> None:
    seen: list[Progress] = []
    with pytest.raises(CancelledError):
        model.draw(
            PROMPT,
            replace(seamless=seamless),
            on_progress=seen.append,
            should_stop=lambda: len(seen) >= num_steps,
        )
    assert len(seen) == num_steps


def test_an_unknown_number_format_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a supported number format"):
        TextToImage.load(tmp_path, dtype="int4")


def test_a_number_format_is_the_transformers_alone(tiny_model: Path) -> None:
    model = TextToImage.load(tiny_model, device="cpu", dtype="bfloat16")
    drawing = model.draw(PROMPT, replace(count=1))
    assert drawing.dtype == drawing.recipe(drawing.pictures[0]).settings["dtype"] == "bfloat16"
    assert model.dallebart is not None
    assert str(model.dallebart.lm_head.weight.dtype) == "torch.bfloat16"
    assert str(model.vqgan.quantize.embedding.weight.dtype) == "torch.float32"


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        TextToImage.load(tmp_path)


POLICY = """
format: ninefold-policy-1
version: "7"
appeal: Write to us.
categories:
  cats: {title: cats, action: warn, rules: [{id: soft, terms: [cat]}]}
  dogs: {title: dogs, action: refuse, rules: [{id: hard, terms: [dog]}]}
"""


@pytest.fixture
def guarded(tiny_model: Path) -> TextToImage:
    policy = PromptPolicy(parse_policy(POLICY, "the policy"))
    return TextToImage.load(tiny_model, "cpu", policy=policy)


def test_a_prompt_that_the_policy_refuses_is_not_drawn(guarded: TextToImage) -> None:
    steps: list[Progress] = []
    with pytest.raises(RefusedError, match=r"rule hard of policy 7.*Write to us") as refusal:
        guarded.draw("a do\u200bg", on_progress=steps.append)
    assert refusal.value.verdict.category == "dogs"
    assert steps == []


def test_what_the_policy_warns_of_is_drawn_the_same_with_a_notice(
    guarded: TextToImage, model: TextToImage
) -> None:
    params = SamplingParams(seed=1, count=1)
    drawn, unasked = guarded.draw("a cat", params), model.draw("a cat", params)
    assert any("rule soft of policy 7" in notice for notice in drawn.notices)
    assert drawn.pictures[0].codes == unasked.pictures[0].codes
    assert guarded.draw("a pear", params).notices == model.draw("a pear", params).notices
