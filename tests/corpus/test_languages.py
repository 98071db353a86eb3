"""Names in other languages are what the normaliser leaves of them, where that is one word."""

import json
from pathlib import Path

import pytest

from ninefold.corpus.emoji import Emoji
from ninefold.corpus.languages import LANGUAGES, foreign_names
from ninefold.errors import CheckpointError
from ninefold.text import TextNormalizer

EMOJI = [
    Emoji("1F431", "cat face", (), "animals-nature", "animal-mammal"),
    Emoji("1F981", "lion", (), "animals-nature", "animal-mammal"),
    Emoji("1F34E", "red apple", (), "food-drink", "food-fruit"),
]
TABLES = {
    "es": {"1F431": "gato", "1F981": "león", "1F34E": "manzana roja", "1F550": "hora"},
    "pt": {"1F431": "gato", "1F981": "mar"},
    "ru": {"1F431": "Кошка"},
    "ja": {"1F34E": "りんご"},
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for language in LANGUAGES:
        names = TABLES.get(language, {}).items()
        folder = tmp_path / "package" / language
        folder.mkdir(parents=True)
        table = [{"hexcode": hexcode, "label": label} for hexcode, label in names]
        (folder / "data.json").write_text(json.dumps(table))
    return tmp_path


def test_names_of_one_word_mean_their_thing(package: Path) -> None:
    entries = foreign_names(package, EMOJI, TextNormalizer(), known={"mar"})
    assert [(entry.word, entry.label, entry.way) for entry in entries] == [
        ("gato", "cat face", "name in es"),
        ("leon", "lion", "name in es"),
        ("koshka", "cat face", "name in ru"),
        ("ringo", "red apple", "name in ja"),
    ]
    assert all(entry.is_foreign for entry in entries)
    assert [entry.meaning for entry in entries] == ["cat", "lion", "cat", "red apple"]


def test_a_missing_table_is_named(package: Path) -> None:
    (package / "package" / "fr" / "data.json").unlink()
    with pytest.raises(CheckpointError, match=r"fr/data\.json is missing or damaged"):
        foreign_names(package, EMOJI, TextNormalizer(), known=())
