"""Controls are real emoji of every tone, and of things; the skin of enough of them is seen."""

import json
from pathlib import Path

import pytest

from ninefold.corpus.sources import PICTURE_SOURCES
from ninefold.errors import CheckpointError
from ninefold.evaluation.bias_controls import SIZE, read_controls
from ninefold.evaluation.bias_skin import skin_of
from ninefold.evaluation.bias_words import DARK, LIGHT, NONE, YELLOW

FACE = '<circle cx="16" cy="16" r="15" fill="{}"/>'
ICONS = {
    "man-cook": FACE.format("#ffdc5d"),
    "man-cook-light-skin-tone": FACE.format("#f7dece"),
    "man-cook-dark": FACE.format("#7c533e"),
    "rocket": FACE.format("#2266cc"),
    "cat": FACE.format("#ffdc5d"),
}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A folder of packages as they are when unpacked; only the first has what is looked for."""
    for place, source in enumerate(PICTURE_SOURCES):
        folder = tmp_path / f"{source.name}-{source.version}" / "package"
        folder.mkdir(parents=True)
        icons = {name: {"body": body} for name, body in ICONS.items()} if place == 0 else {}
        document = {"width": 32, "height": 32, "icons": icons}
        (folder / "icons.json").write_text(json.dumps(document))
    return tmp_path


def test_controls_are_people_of_each_tone_and_things(cache: Path) -> None:
    known = read_controls(cache)
    assert [each.skin for each in known] == [YELLOW, LIGHT, DARK, NONE]
    assert [each.gender for each in known] == ["a man"] * 3 + [None]
    assert {each.picture.size for each in known} == {(SIZE, SIZE)}
    assert [skin_of(each.picture) for each in known] == [YELLOW, LIGHT, DARK, NONE]


def test_a_damaged_package_is_named(cache: Path) -> None:
    source = PICTURE_SOURCES[0]
    (cache / f"{source.name}-{source.version}" / "package" / "icons.json").write_text("{")
    with pytest.raises(CheckpointError, match="remove the package's folder"):
        read_controls(cache)
