"""The default transliterator spells as Unidecode does, and is not under the GPL."""

import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wordfreq import available_languages, top_n_list

from ninefold.transliteration import default_transliteration, exact_transliteration, spell

WORDS_OF_A_LANGUAGE = 3_000
WORDS_THAT_DIFFER = frozenset({"🅰", "🅱", "🆒", "🆓", "🆔", "🆕", "🆗", "🆘", "🆙", "﹏", "🅰️", "🅱️"})
"""Signs that are named as emoji before anything is transliterated, and one kind of dash."""

MOST_DIFFERENT = 800
"""Code points of Unicode that may be spelled otherwise than by Unidecode, of some 144,000."""


EXACT = exact_transliteration()
assert EXACT is not None, "the extra unidecode-gpl is missing; install '.[dev]' again"
exact = EXACT.spell


def read(text: str) -> str:
    """What the normaliser leaves of a spelling: case and spaces do not count."""
    return " ".join(text.lower().split())


@pytest.mark.parametrize("language", sorted(available_languages("small")))
def test_the_commonest_words_of_a_language_are_spelled_as_by_unidecode(language: str) -> None:
    words = [
        w for w in top_n_list(language, WORDS_OF_A_LANGUAGE, wordlist="small") if not w.isascii()
    ]
    different = {word for word in words if spell(word) != exact(word)}
    assert different <= WORDS_THAT_DIFFER


def test_all_but_a_few_code_points_are_spelled_as_by_unidecode() -> None:
    characters = (chr(code) for code in range(0x80, 0x110000))
    known = [c for c in characters if unicodedata.category(c) not in ("Cn", "Co", "Cs")]
    different = [c for c in known if read(spell(c)) != read(exact(c))]
    assert len(known) > 140_000
    assert len(different) < MOST_DIFFERENT
    assert not [c for c in different if "CJK UNIFIED" in unicodedata.name(c, "")]


@given(st.text(st.characters(codec=None)))
def test_any_text_becomes_ascii_character_by_character(text: str) -> None:
    spelled = spell(text)
    assert spelled.isascii()
    assert spelled == "".join(map(spell, text))


def test_ascii_stays_as_it_is() -> None:
    text = "".join(map(chr, range(128)))
    assert spell(text) == text


def test_the_name_says_which_one_it_is() -> None:
    exact_one = exact_transliteration()
    assert exact_one is not None
    assert (exact_one.is_exact, default_transliteration().is_exact) == (True, False)
    assert exact_one.name.startswith("Unidecode 1.4")
    assert "text-unidecode 1.3" in default_transliteration().name


def test_prompts_are_normalised_without_unidecode() -> None:
    code = (
        "import sys; sys.modules['unidecode'] = None; from ninefold.text import TextNormalizer; "
        "assert TextNormalizer()('кошка 猫 ½') == ' koshka mao 1/2'"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
