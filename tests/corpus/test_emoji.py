"""Every drawn emoji has its name and its picture, in whatever way a set names it."""

from pathlib import Path

import pytest

from ninefold.corpus.emoji import read_emoji, read_pictures, slugify
from ninefold.errors import CheckpointError


def test_things_are_drawn_signs_clocks_and_doubles_are_not(word_package: Path) -> None:
    labels = [emoji.label for emoji in read_emoji(word_package)]
    assert labels == ["red apple", "person’s tent", "judge"]


def test_pictures_are_found_by_name_and_by_alias(word_package: Path, icon_package: Path) -> None:
    found = {e.label: svg for e, svg in read_pictures(icon_package, read_emoji(word_package))}
    assert set(found) == {"red apple", "person’s tent", "judge"}
    assert 'viewBox="0 0 64 64"' in found["red apple"]
    assert "#00f" in found["person’s tent"]


def test_pictures_are_found_by_code_point(word_package: Path, icon_package: Path) -> None:
    (icon_package / "package/chars.json").write_text('{"26fa": "red-apple"}')
    found = {e.label: svg for e, svg in read_pictures(icon_package, read_emoji(word_package))}
    assert "#f00" in found["person’s tent"]


def test_names_are_spelled_as_the_sets_do() -> None:
    assert slugify("Man’s shoe: “piñata” & Co.") == "mans-shoe-pinata-co"


def test_a_damaged_package_is_named(word_package: Path) -> None:
    (word_package / "package/en/data.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"data\.json .* damaged"):
        read_emoji(word_package)
