"""Laws of the settings: what is allowed, what is refused with what to do, and the JSON form."""

import copy
import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninefold.errors import UserError
from ninefold.generation.params import (
    MAX_CANDIDATES,
    MAX_COUNT,
    MAX_IMAGE_INDEX,
    MAX_SEED,
    PRESETS,
    Preset,
    SamplingParams,
    complete,
    get_preset,
)


@st.composite
def all_params(draw: st.DrawFn) -> SamplingParams:
    """Return any settings that are allowed."""
    count = draw(st.integers(1, MAX_COUNT))
    scale = draw(st.floats(0.0, 100.0))
    candidates = draw(st.none() | st.integers(count, MAX_CANDIDATES))
    return SamplingParams(
        seed=draw(st.integers(0, MAX_SEED)),
        count=count,
        first_image=draw(st.integers(0, MAX_IMAGE_INDEX + 1 - (candidates or count))),
        condition_scale=scale,
        temperature=draw(st.floats(0.0, 100.0, exclude_min=True)),
        top_k=draw(st.integers(0, 20_000)),
        top_p=draw(st.floats(0.0, 1.0, exclude_min=True)),
        negative_prompt="" if scale == 1.0 else draw(st.text()),
        candidates=candidates,
        rank=candidates is not None or draw(st.booleans()),
        dialect=draw(st.sampled_from(["dalle-mini", "min-dalle"])),
    )


@given(all_params())
def test_settings_come_back_from_json_unchanged(params: SamplingParams) -> None:
    assert SamplingParams.from_dict(json.loads(json.dumps(params.to_dict()))) == params


def test_settings_left_out_take_their_default() -> None:
    assert SamplingParams.from_dict({"seed": 7}) == SamplingParams(seed=7)


def test_an_unknown_setting_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(UserError, match=r"Unknown setting 7, cfg; use seed, count, .*dialect"):
        SamplingParams.from_dict({"seed": 7, "cfg": 3, 7: 1})  # type: ignore[dict-item] # hostile


def test_whole_and_decimal_numbers_are_one_setting() -> None:
    whole = SamplingParams(condition_scale=10, temperature=1, top_p=1)
    assert whole.to_dict() == SamplingParams().to_dict()
    assert isinstance(whole.condition_scale, float)


@pytest.mark.parametrize(
    ("setting", "advice"),
    [
        ({"count": 0}, "count must be a whole number from 1 to 64, not 0"),
        ({"count": 10_000}, "from 1 to 64, not 10000"),
        ({"count": True}, "not True"),
        ({"count": 2.0}, "not 2.0"),
        ({"seed": -1}, "seed must be a whole number from 0 to 18446744073709551615"),
        ({"seed": 2**64}, "seed"),
        ({"seed": "7"}, "not '7'"),
        ({"first_image": -1}, "first_image"),
        ({"first_image": 2**32 - 9, "candidates": 10}, "first_image"),
        ({"condition_scale": -0.1}, "condition_scale must be a number from 0 to 100"),
        ({"condition_scale": float("nan")}, "condition_scale"),
        ({"condition_scale": None}, "not None"),
        ({"condition_scale": True}, "not True"),
        ({"temperature": 0}, r"temperature must be above 0; .* top_k=1"),
        ({"temperature": float("inf")}, "temperature"),
        ({"top_k": -1}, "top_k"),
        ({"top_k": 1.5}, "top_k"),
        ({"top_p": 0.0}, r"top_p must be above 0"),
        ({"top_p": 1.01}, "top_p must be a number from 0 to 1"),
        ({"negative_prompt": None}, "negative_prompt must be text"),
        (
            {"negative_prompt": "fog", "condition_scale": 1.0},
            "use a condition_scale above 1, or leave",
        ),
        ({"seamless": 1}, "seamless must be true or false"),
        ({"rank": "yes"}, "rank must be true or false"),
        ({"dialect": "dalle"}, "dialect must be dalle-mini or min-dalle"),
        ({"dialect": ["dalle-mini"]}, "dialect must be"),
        ({"candidates": 0}, "candidates must be a whole number from 1 to 512"),
        ({"candidates": 8}, "candidates=8 is fewer than count=9"),
        ({"candidates": 513}, "candidates"),
        ({"candidates": 18, "rank": False}, "use rank=True"),
        ({"seamless": True, "count": 8}, "use a count of 1, 4, 9, 16, not 8"),
        ({"seamless": True, "candidates": 18}, "cannot be chosen from candidates"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_what_to_do(
    setting: dict[str, Any], advice: str
) -> None:
    with pytest.raises(UserError, match=advice):
        SamplingParams(**setting)


def test_candidates_are_drawn_and_count_is_not() -> None:
    params = SamplingParams(count=9, candidates=36, first_image=4)
    assert params.num_drawn == 36
    assert params.image_indices == range(4, 40)


def test_seamless_takes_its_count_as_candidates() -> None:
    assert SamplingParams(seamless=True, candidates=9).num_drawn == 9


def test_only_scale_one_needs_no_unconditional_pass() -> None:
    assert not SamplingParams(condition_scale=1.0).is_guided
    assert SamplingParams(condition_scale=0.0).is_guided


@given(all_params(), st.data())
def test_a_picture_has_the_same_settings_in_every_drawing_that_holds_it(
    params: SamplingParams, data: st.DataObject
) -> None:
    index = data.draw(st.sampled_from(list(params.image_indices)))
    alone = params.for_picture(index)
    assert list(alone.image_indices) == [index]
    assert alone.for_picture(index) == alone


def test_a_seamless_picture_keeps_the_settings_of_its_grid() -> None:
    params = SamplingParams(seamless=True)
    assert params.for_picture(4) is params


def test_a_picture_that_is_not_drawn_is_refused() -> None:
    with pytest.raises(UserError, match="Picture 9 is not drawn; use 0 to 8"):
        SamplingParams().for_picture(9)


def test_presets_hold_the_published_values() -> None:
    published = {
        name: (preset.params.condition_scale, preset.params.top_k, preset.params.temperature)
        for name, preset in PRESETS.items()
        if name != "pocket"
    }
    assert published == {"dalle-mini": (10.0, 50, 1.0), "min-dalle": (16.0, 256, 1.0)}
    assert get_preset("min-dalle").params.dialect == "min-dalle"
    assert all(name == preset.name and preset.source for name, preset in PRESETS.items())


PRESET_SETTINGS = ("condition_scale", "temperature", "top_k", "top_p", "dialect")


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_what_is_left_out_is_the_presets(preset: Preset) -> None:
    given = dataclasses.replace(SamplingParams(seed=7), count=4)
    completed = complete(copy.deepcopy(given), preset)
    assert completed.params == dataclasses.replace(preset.params, seed=7, count=4)
    assert completed.notices == ()
    assert all(completed.params.chooses(name) for name in PRESET_SETTINGS)
    assert complete(completed.params, PRESETS["dalle-mini"]) == completed


@pytest.mark.parametrize("name", PRESET_SETTINGS)
def test_what_is_chosen_stays_though_it_be_the_defaults_own_value(name: str) -> None:
    chosen = getattr(SamplingParams(), name)
    params = SamplingParams.from_dict({name: SamplingParams().to_dict()[name]})
    other = dataclasses.replace(
        PRESETS["pocket"],
        params=SamplingParams(
            condition_scale=3.0, temperature=0.7, top_k=8, top_p=0.9, dialect="min-dalle"
        ),
    )
    completed = complete(params, other).params
    assert getattr(completed, name) == chosen
    assert all(
        getattr(completed, each) == getattr(other.params, each)
        for each in PRESET_SETTINGS
        if each != name
    )


@pytest.mark.parametrize(
    ("preset", "given", "foreign", "scale", "notice"),
    [
        ("pocket", {"negative_prompt": "fog"}, None, 2.0, "condition_scale=2 instead of 1"),
        ("pocket", {"negative_prompt": " \n"}, None, 1.0, None),
        ("pocket", {"negative_prompt": "fog", "condition_scale": 1.5}, None, 1.5, None),
        ("pocket", {"condition_scale": 50.0}, None, 50.0, None),
        ("dalle-mini", {"negative_prompt": "fog"}, None, 10.0, None),
        ("pocket", {}, 7, 1.0, "Guidance 7 is above what this model is made for"),
        ("pocket", {"negative_prompt": "fog"}, 7, 2.0, "so this is drawn with 2."),
        ("pocket", {"negative_prompt": "fog"}, 1.0, 2.0, "switches off the negative prompt"),
        ("pocket", {"negative_prompt": "fog"}, 1.5, 1.5, None),
        ("pocket", {}, 1.0, 1.0, None),
        ("pocket", {}, 0.0, 0.0, None),
        ("pocket", {"condition_scale": 9.0}, 7, 9.0, None),
        ("dalle-mini", {}, 7, 7.0, None),
        ("min-dalle", {}, 30, 16.0, "at most 16"),
    ],
)
def test_guidance_is_the_presets_unless_it_is_chosen_and_a_change_is_said(
    preset: str, given: dict[str, Any], foreign: float | None, scale: float, notice: str | None
) -> None:
    completed = complete(SamplingParams(**given), PRESETS[preset], foreign_scale=foreign)
    assert completed.params.condition_scale == scale
    assert isinstance(completed.params.condition_scale, float)
    if notice is None:
        assert completed.notices == ()
    else:
        assert notice in " ".join(completed.notices)


def test_settings_that_are_left_out_are_plain_json() -> None:
    kinds = {type(value) for value in SamplingParams().to_dict().values()}
    assert kinds == {int, float, bool, str, type(None)}


def test_an_unknown_preset_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(UserError, match="no preset 'craiyon'; use dalle-mini, min-dalle, pocket"):
        get_preset("craiyon")
