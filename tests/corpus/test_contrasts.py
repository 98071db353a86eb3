"""Scenes that contradict a scene: in one point, and never by what is held out of training."""

from ninefold.corpus.contrasts import contrasts, seen_contrasts
from ninefold.corpus.holdout import is_held_out
from ninefold.corpus.scenes.scene import Scene
from ninefold.corpus.scenes.things import COMMON


def test_a_coloured_thing_is_contradicted_by_its_other_colours() -> None:
    scene = Scene("twemoji", "single", ("castle",), tint="blue")
    tints = [other.tint for other in contrasts(scene)]
    assert "red" in tints
    assert "blue" not in tints
    assert {other.things for other in contrasts(scene)} == {("castle",)}


def test_training_sees_all_contrasts_but_held_out_ones() -> None:
    scenes = [Scene("twemoji", "single", (thing,), tint="blue") for thing in COMMON]
    every = [other for scene in scenes for other in contrasts(scene)]
    seen = [other for scene in scenes for other in seen_contrasts(scene)]
    held_out = [s for s in every if any(is_held_out(*key) for key in s.held_out_keys())]
    assert len(held_out) > 50
    assert seen == [other for other in every if other not in held_out]
