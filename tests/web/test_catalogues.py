"""The words of the interface: every language has all of them, and the reader's is found."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from ninefold.web.catalogues import Catalogue, Message, catalogues, choose_catalogue

WEB = Path(__file__).parents[2] / "src" / "ninefold" / "web"
PLURAL_CATEGORIES = {"zero", "one", "two", "few", "many", "other"}


def forms(message: Message) -> list[str]:
    return list(message.values()) if isinstance(message, dict) else [message]


def values_of(message: Message) -> set[str]:
    """Names of the values that every form of a message has."""
    return {name for form in forms(message) for name in re.findall(r"\{(\w+)\}", form)} - {"count"}


def said_in(folder: str, pattern: str) -> set[str]:
    """Keys that the files of a folder say, as far as they are written out."""
    texts = [
        path.read_text(encoding="utf-8")
        for path in (WEB / folder).rglob("*.*")
        if path.suffix != ".png"
    ]
    return {key for text in texts for key in re.findall(pattern, text)}


def test_there_are_three_languages_and_english_is_first() -> None:
    assert next(iter(catalogues())) == "en"
    assert {"en", "es", "ja"} <= set(catalogues())


@pytest.mark.parametrize("language", ["es", "ja"])
def test_every_language_has_every_message_with_its_values(language: str) -> None:
    english, other = catalogues()["en"].messages, catalogues()[language].messages
    assert english.keys() == other.keys()
    assert {key: values_of(english[key]) for key in english} == {
        key: values_of(other[key]) for key in other
    }


@pytest.mark.parametrize("language", list(catalogues()))
def test_plural_forms_have_the_form_for_all_other_numbers(language: str) -> None:
    plurals = [item for item in catalogues()[language].messages.values() if isinstance(item, dict)]
    assert plurals
    for message in plurals:
        assert "other" in message
        assert message.keys() <= PLURAL_CATEGORIES


def test_templates_and_scripts_say_only_what_is_there() -> None:
    messages: Mapping[str, Message] = catalogues()["en"].messages
    said = said_in("templates", r"say\('([\w.-]+[\w])'") | said_in("static", r'say\("([\w.-]+\w)"')
    assert len(said) > 80
    assert said <= messages.keys()


def test_values_are_put_in_as_they_are() -> None:
    catalogue = Catalogue("en", {"title": "“{prompt}”, {number}"})
    assert catalogue.say("title", prompt=r"{number} \1 <b>", number=3) == r"“{number} \1 <b>”, 3"


def test_a_message_with_plural_forms_is_for_scripts_alone() -> None:
    with pytest.raises(KeyError, match="plural"):
        catalogues()["en"].say("live.history.count", count=1)


@pytest.mark.parametrize(
    ("chosen", "header", "language"),
    [
        (None, None, "en"),
        (None, "ja,en;q=0.5", "ja"),
        (None, "en;q=0.5, es-MX;q=0.9", "es"),
        (None, "de, fr;q=0.9, ja;q=0.1", "ja"),
        (None, "es;q=0, ja;q=0.1", "ja"),
        ("es", "ja", "es"),
        ("xx", "ja", "ja"),
        ("../en", None, "en"),
        (None, ";;q=,,*" + "x," * 100_000, "en"),
    ],
)
def test_the_language_is_the_one_chosen_or_else_the_browser_s(
    chosen: str | None, header: str | None, language: str
) -> None:
    assert choose_catalogue(chosen, header).language == language
