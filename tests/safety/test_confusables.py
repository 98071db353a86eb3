"""The table of look-alikes is one-to-one in the direction it is read."""

import unicodedata
from collections import Counter

from ninefold.safety.confusables import CONFUSABLES, LOOK_ALIKES


def test_no_character_stands_for_two_letters() -> None:
    counts = Counter("".join(LOOK_ALIKES.values()))
    assert [character for character, count in counts.items() if count > 1] == []


def test_no_latin_letter_of_ascii_is_changed() -> None:
    assert not [character for character in CONFUSABLES if character.isascii()]


def test_everything_is_read_as_small_ascii_letters() -> None:
    assert all(meant.isascii() and meant.islower() for meant in CONFUSABLES.values())


def test_every_look_alike_is_a_character_that_unicode_knows() -> None:
    assert not [each for each in CONFUSABLES if unicodedata.category(each) == "Cn"]
