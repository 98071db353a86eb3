"""Scenes: the same for the same number, never a held-out one, and said as people type."""

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from ninefold.corpus.holdout import is_held_out
from ninefold.corpus.scenes.compose import SIZES, compose, lay_out
from ninefold.corpus.scenes.describe import describe_scene
from ninefold.corpus.scenes.grammar import draw_scene
from ninefold.corpus.scenes.looks import LOOKS, Look
from ninefold.corpus.scenes.places import (
    BACKDROPS,
    CELLS,
    HORIZON,
    PALETTE,
    PLACES,
    colour_of,
    grounds_of,
    paint_backdrop,
)
from ninefold.corpus.scenes.scene import Scene
from ninefold.corpus.scenes.things import COMMON, FACES, GLASSES, HATS

LABELS = {"flat": {*COMMON, *FACES, *HATS, *GLASSES}}
SIDE = 64


def find(_source: str, label: str) -> NDArray[np.uint8]:
    """Return a square whose red tells which thing it is."""
    thing = np.zeros((SIDE, SIDE, 4), np.uint8)
    thing[8:-8, 8:-8] = [sum(label.encode()) % 200, 77, 33, 255]
    return thing


def test_a_scene_depends_on_its_series_and_number_alone() -> None:
    assert draw_scene(1, 7, LABELS) == draw_scene(1, 7, LABELS)
    assert len({draw_scene(1, number, LABELS) for number in range(50)}) > 45


def test_training_scenes_hold_nothing_that_is_held_out() -> None:
    scenes = [draw_scene(10, number, LABELS) for number in range(2000)]
    kinds = {scene.kind for scene in scenes}
    assert kinds == {"single", "count", "pair", "wearing"}
    assert not [s for s in scenes if any(is_held_out(*key) for key in s.held_out_keys())]


def test_some_of_every_sort_of_combination_are_held_out() -> None:
    pairs = [is_held_out("pair", *sorted((a, b))) for a in COMMON[:40] for b in COMMON[40:80]]
    assert 0.02 < sum(pairs) / len(pairs) < 0.09
    assert any(is_held_out("tint", "blue", thing) for thing in COMMON)


@pytest.mark.parametrize("labels", [{}, {"flat": set[str]()}])
def test_a_corpus_without_things_is_told(labels: dict[str, set[str]]) -> None:
    with pytest.raises(ValueError, match="No source draws"):
        draw_scene(0, 0, labels)


def test_scenes_are_made_of_whatever_a_source_has() -> None:
    labels = {"empty": set[str](), "flat": {"a thing of its own", "another"}}
    scenes = [draw_scene(0, number, labels) for number in range(60)]
    assert {scene.source for scene in scenes} == {"flat"}
    assert {thing for scene in scenes for thing in scene.things} == labels["flat"]
    assert len({scene.kind for scene in scenes}) > 1


@pytest.mark.parametrize("place", ["", *PLACES, *BACKDROPS])
def test_whole_cells_of_a_backdrop_are_colours_of_the_palette(place: str) -> None:
    picture = paint_backdrop(place or "white", SIDE)
    assert picture.shape == (SIDE, SIDE, 3)
    cell = SIDE // CELLS
    cells = picture.reshape(CELLS, cell, CELLS, cell, 3).swapaxes(1, 2).reshape(-1, cell * cell, 3)
    plain = [tuple(int(v) for v in c[0]) for c in cells if (c == c[0]).all()]
    assert set(plain) <= set(PALETTE)


def test_what_is_said_is_in_the_picture() -> None:
    lone = compose(Scene("flat", "single", ("robot",)), find, SIDE)
    three = compose(Scene("flat", "count", ("robot",), count=3), find, SIDE)
    pair = compose(Scene("flat", "pair", ("robot", "castle"), "beside"), find, SIDE)
    robot, castle = find("", "robot")[SIDE // 2, SIDE // 2, 0], find("", "castle")[32, 32, 0]
    assert lone[SIDE // 2, SIDE // 2, 0] == robot
    assert three[SIDE // 4, SIDE // 2, 0] == robot
    assert pair[SIDE // 2, SIDE // 4, 0] == robot
    assert pair[SIDE // 2, 3 * SIDE // 4, 0] == castle


def test_who_is_somewhere_stands_in_front_of_it() -> None:
    scene = compose(Scene("flat", "pair", ("robot", "castle"), "at"), find, SIDE)
    robot, castle = (int(find("", name)[32, 32, 0]) for name in ("robot", "castle"))
    assert abs(int(scene[38, 25, 0]) - robot) < 5 < abs(castle - robot) - 5  # where both are
    assert scene[20, 40, 0] == castle


@pytest.mark.parametrize("number", range(60))
def test_things_are_drawn_in_three_sizes(number: int) -> None:
    """A sketch shows a thing in these sizes and no other."""
    scene = draw_scene(3, number, LABELS)
    layout = lay_out(scene)
    assert {placed.number for placed in layout} == set(range(len(scene.things)))
    for left, top, extent in (placed.box for placed in layout):
        assert extent in SIZES
        assert 0 <= left <= CELLS - extent
        assert 0 <= top <= CELLS - extent


def test_a_thing_looks_as_its_tint_its_style_or_its_ground_says() -> None:
    def looks(scene: Scene) -> dict[int, list[Look]]:
        return {each.number: [LOOKS[look] for look in each.looks] for each in lay_out(scene)}

    assert looks(Scene("flat", "single", ("robot",))) == {0: [Look()] * 2}
    assert looks(Scene("flat", "single", ("robot",), tint="red")) == {0: [Look(tint="red")] * 2}
    neon = looks(Scene("flat", "single", ("robot",), style="neon"))
    assert neon == {0: [Look("black", style="neon")] * 2}
    somewhere = looks(Scene("flat", "pair", ("robot", "crown"), "beside", place="beach"))
    assert somewhere == {key: [Look("blue"), Look("sand")] for key in (0, 1)}
    wearing = looks(Scene("flat", "wearing", ("robot", "crown"), tint="red", place="red"))
    assert wearing == {0: [Look(tint="red")] * 2, 1: [Look("red")] * 2}
    sketched = looks(Scene("flat", "pair", ("robot", "crown"), "beside", style="sketch"))
    assert sketched == dict.fromkeys((0, 1), [Look(style="sketch")] * 2)


@pytest.mark.parametrize("place", [*PLACES, *BACKDROPS])
def test_things_stand_on_the_two_grounds_of_a_place(place: str) -> None:
    """Shapes are in the two upper rows and the outer columns alone."""
    picture = paint_backdrop(place, 64)
    horizon, row = HORIZON * 8, 2 * 8
    above, below = (np.asarray(colour_of(ground)) for ground in grounds_of(place))
    assert (picture[row:horizon, 16:44] == above).all()
    assert (picture[horizon + 4 : 56, 16:44] == below).all()


@pytest.mark.parametrize("number", range(60))
def test_a_caption_calls_things_by_the_names_that_are_given(number: int) -> None:
    scene = draw_scene(4, number, LABELS)
    names = ("onename", "twoname")[: len(scene.things)]
    caption = describe_scene(scene, 1, 0, names)
    assert all(re.search(rf"\b{name}\b", caption) for name in names)
    assert not any(re.search(rf"\b{re.escape(label)}\b", caption) for label in scene.things)


@pytest.mark.parametrize(
    ("scene", "pattern"),
    [
        (Scene("flat", "count", ("strawberry",), count=3), r"(three|3) strawberries"),
        (Scene("flat", "single", ("castle",), tint="blue"), r"a blue castle"),
        (
            Scene("flat", "single", ("castle",), place="desert"),
            r"(?=.*castle)(?=.*(desert|sand|sahara))",
        ),
        (Scene("flat", "single", ("castle",), place="red"), r"castle.*red"),
        (
            Scene("flat", "pair", ("robot", "pizza"), "eating"),
            r"robot (eats|eating|drinking) a pizza",
        ),
        (Scene("flat", "wearing", ("robot", "crown")), r"robot.*crown|crown on a robot"),
        (Scene("flat", "single", ("robot",), size="tiny"), r"(tiny|small|miniature) robot"),
    ],
)
def test_a_caption_says_all_that_is_special(scene: Scene, pattern: str) -> None:
    captions = [describe_scene(scene, 1, index) for index in range(30)]
    assert all(re.search(pattern, caption) for caption in captions), captions
    assert len(set(captions)) > 3
