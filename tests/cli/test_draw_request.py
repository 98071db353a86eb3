"""What the options of `ninefold draw` ask for, and what is answered where they cannot be drawn."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ninefold.cli.draw_request import DrawOptions, DrawPlan, read_options
from ninefold.errors import UserError
from ninefold.generation.params import PRESETS, SamplingParams
from ninefold.pictures.png import Recipe, Setting, write_png


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that calls itself a model, installed as "tiny"."""
    monkeypatch.setenv("NINEFOLD_HOME", str(tmp_path))
    folder = tmp_path / "models" / "tiny"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"format": "ninefold-1"}')
    return folder


def read(model: Path, /, **options: Any) -> DrawPlan:
    return read_options(DrawOptions(**({"prompts": ["a cat"], "model": str(model)} | options)))


def write_picture(
    folder: Path, settings: Mapping[str, Setting] | None = None, **changes: Any
) -> str:
    if settings is None:
        drawn = SamplingParams(seed=7, top_k=20).for_picture(4)
        settings = {**drawn.to_dict(), "dtype": "float16"}
    recipe = Recipe("a cat", 7, 4, settings, "tiny", "00" * 32, "ninefold 0.1.0")
    path = write_png(
        folder / "picture.png", Image.new("RGB", (4, 4)), dataclasses.replace(recipe, **changes)
    )
    return str(path)


def test_without_settings_the_preset_of_the_model_is_drawn(model: Path) -> None:
    request = read(model)
    params = request.complete("pocket").params
    assert request.model_folder == model
    assert dataclasses.replace(params, seed=0) == PRESETS["pocket"].params


def test_a_preset_that_was_asked_for_takes_the_place_of_the_models(model: Path) -> None:
    params = read(model, preset="min-dalle", seed=1).complete("pocket").params
    assert params == dataclasses.replace(PRESETS["min-dalle"].params, seed=1)


def test_each_setting_takes_the_place_of_the_presets(model: Path) -> None:
    params = (
        read(
            model,
            seed=5,
            count=4,
            condition_scale=2.0,
            temperature=0.5,
            top_k=3,
            top_p=0.9,
            negative="a dog",
            seamless=True,
        )
        .complete("pocket")
        .params
    )
    assert params == SamplingParams(
        seed=5,
        count=4,
        condition_scale=2.0,
        temperature=0.5,
        top_k=3,
        top_p=0.9,
        negative_prompt="a dog",
        seamless=True,
    )


def test_a_seed_that_nobody_chose_is_new_each_time_and_the_same_for_all_prompts(
    model: Path,
) -> None:
    seeds = {read(model).complete("pocket").params.seed for _ in range(5)}
    assert len(seeds) == 5
    assert max(seeds) < 2**32


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"count": 0}, "count must be a whole number from 1 to 64, not 0"),
        ({"count": 10_000}, "count must be a whole number from 1 to 64, not 10000"),
        ({"seed": -1}, "seed must be"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"top_p": float("nan")}, "top_p must be"),
        ({"candidates": 3}, "fewer than count=9"),
        ({"seamless": True, "count": 5}, "use a count of 1, 4, 9, 16"),
        ({"negative": "a dog", "condition_scale": 1.0}, "negative prompt"),
        ({"preset": "craiyon"}, "no preset 'craiyon'; use dalle-mini"),
        ({"model": "nano"}, "no model 'nano'; known are pocket, mini, mega, tiny"),
        ({"model": "mega"}, "run `ninefold pull mega`"),
        ({"dtype": "int4"}, "float32, bfloat16, float16"),
        ({"out": ""}, "--out needs the name of a folder"),
        ({"prompts": []}, "nothing to draw"),
        ({"prompts": ["a cat", " "]}, "prompt is empty"),
        ({"negative": "\x00"}, "negative prompt is empty"),
    ],
)
def test_what_cannot_be_drawn_is_answered_with_what_can(
    model: Path, options: dict[str, Any], answer: str
) -> None:
    with pytest.raises(UserError) as caught:
        read(model, **options)
    assert answer in str(caught.value)


def test_a_negative_prompt_brings_the_guidance_that_it_needs_and_says_so(model: Path) -> None:
    pocket = PRESETS["pocket"]
    for preset in (None, "pocket"):
        completed = read(model, negative="a worm", preset=preset).complete("pocket")
        assert completed.params.condition_scale == pocket.negative_scale
        assert "condition_scale=2 instead of 1" in " ".join(completed.notices)


def test_an_empty_negative_prompt_is_none(model: Path) -> None:
    for blank in ("", " ", "\t\n"):
        read_blank = read(model, negative=blank, condition_scale=1.0)
        assert read_blank.complete("pocket").params.negative_prompt == ""


def test_a_picture_brings_its_prompt_model_and_settings(model: Path, tmp_path: Path) -> None:
    request = read_options(DrawOptions(like=write_picture(tmp_path)))
    assert request.prompts == ["a cat"]
    assert request.model_folder == model
    assert request.dtype == "float16"
    assert request.complete("pocket").params == SamplingParams(seed=7, top_k=20).for_picture(4)
    assert request.original is not None
    assert request.original.recipe.index == 4


@pytest.mark.parametrize(
    "option",
    [
        {"seed": 1},
        {"file": "prompts.txt"},
        {"count": 9},
        {"condition_scale": 1.0},
        {"temperature": 1.0},
        {"top_k": 1},
        {"top_p": 1.0},
        {"negative": "a dog"},
        {"seamless": True},
        {"candidates": 9},
        {"preset": "pocket"},
        {"grid": True},
        {"no_grid": True},
        {"dtype": "float32"},
    ],
    ids=lambda option: next(iter(option)),
)
def test_like_refuses_what_it_takes_from_the_picture(
    model: Path, tmp_path: Path, option: dict[str, Any]
) -> None:
    assert model.is_dir()
    flag = f"--{next(iter(option)).replace('_', '-')}"
    values = {"grid": False} if "no_grid" in option else option
    with pytest.raises(UserError, match=f"leave out {flag}"):
        read_options(DrawOptions(like=write_picture(tmp_path), **values))


def test_like_refuses_a_prompt(model: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="leave out either"):
        read(model, like=write_picture(tmp_path))


@pytest.mark.parametrize(
    ("settings", "changes", "answer"),
    [
        ({"sharpness": 3}, {}, "cannot be drawn with: Unknown setting sharpness"),
        ({"count": 9, "top_k": -1}, {}, "cannot be drawn with: top_k"),
        ({"count": 9}, {"index": 9}, "do not draw picture 9"),
        ({"count": 9}, {"seed": 2**64}, "cannot be drawn with: seed"),
        ({"count": 9}, {"prompt": "\x1b"}, "Its prompt is empty"),
        ({"count": 9}, {"model": "../../secret"}, "give its folder with --model"),
        ({"count": 9}, {"model": "other"}, "drawn by the model 'other'"),
        ({"count": 9, "dtype": "int4"}, {}, "float32, bfloat16, float16"),
    ],
)
def test_a_recipe_that_cannot_be_drawn_is_explained(
    model: Path,
    tmp_path: Path,
    settings: dict[str, Setting],
    changes: dict[str, Any],
    answer: str,
) -> None:
    assert model.is_dir()
    with pytest.raises(UserError) as caught:
        read_options(DrawOptions(like=write_picture(tmp_path, settings, **changes)))
    assert answer in str(caught.value)


def test_a_picture_of_a_model_without_a_safe_name_is_drawn_with_the_folder_given(
    model: Path, tmp_path: Path
) -> None:
    path = write_picture(tmp_path, model="My Model!")
    request = read_options(DrawOptions(like=path, model=str(model)))
    assert request.model_folder == model


def test_a_refused_prompt_keeps_all_prompts_from_being_drawn(model: Path) -> None:
    options = {"prompts": ["a cat", "a swastika flag"], "policy": "default"}
    with pytest.raises(UserError, match=r"^Prompt 2: .*\(rule hate-terms of policy .*mistake"):
        read(model, **options)
    with pytest.raises(UserError, match=r"^This prompt is refused"):
        read(model, prompts=["a swastika flag"], policy="default")
    assert read(model, prompts=["a swastika flag"]).policy is None


def test_a_policy_is_asked_about_the_negative_prompt_too(model: Path) -> None:
    assert read(model, prompts=["a woman"], policy="default", negative="blur").policy is not None
    with pytest.raises(UserError, match="This prompt is refused"):
        read(model, prompts=["a woman"], policy="default", negative="clothes")


def test_a_policy_is_asked_about_a_picture_that_is_drawn_again(tmp_path: Path, model: Path) -> None:
    name = write_picture(tmp_path, prompt="a swastika flag")
    with pytest.raises(UserError, match="hate-terms"):
        read(model, prompts=[], like=name, policy="default")
    assert read(model, prompts=[], like=name).policy is None


def test_a_policy_file_that_is_not_there_is_the_users_mistake(model: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read(model, policy="none.yaml")
