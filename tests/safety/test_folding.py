"""Folding undoes what hides a word, on any text, in linear time."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninefold.safety.folding import JOINED, fold, plain_words, readings, spell_character

ANY_TEXT = st.text(alphabet=st.characters(), max_size=80)
TRICKS = st.text(alphabet="aAeéœßＡаΗ013$@!|*. '-\u200b\u202e\u202c\u0301sx🔞ﷺ\ud800", max_size=40)


@given(ANY_TEXT | TRICKS)
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(ANY_TEXT | TRICKS)
def test_any_text_has_a_few_readings_of_words(text: str) -> None:
    found = readings(text)
    assert 1 <= len(found) <= 24
    assert all(word and not set(word) & set(" \n\u200b") for words in found for word in words)


@given(ANY_TEXT | TRICKS)
def test_the_plain_words_are_one_of_the_readings(text: str) -> None:
    assert plain_words(fold(text)) in readings(text)


def test_no_alphabets_characters_change_when_they_are_folded_again() -> None:
    codes = itertools.chain(range(0x3400), range(0xA000, 0xAC00), range(0xF900, 0x1FC00))
    spelled = "".join({spell_character(chr(code)) for code in codes})
    changed = {each for each in set(spelled) if spell_character(each).strip() != each.strip()}
    assert not changed


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Nude", "nude"),
        ("ｎｕｄｅ", "nude"),
        ("𝓃𝓊𝒹ℯ", "nude"),
        ("ⓝⓤⓓⓔ", "nude"),
        ("🅽🆄🅳🅴", "nude"),
        ("ᴎᴜᴅᴇ".replace("ᴎ", "ɴ"), "nude"),
        ("nüdé", "nude"),
        ("n\u0336u\u0336d\u0336e\u0336", "nude"),
        ("n\u200bu\u00add\u2060e", "nude"),
        ("\u202anude\u202c", "nude"),
        ("n\x00ude", "nude"),
        ("nu\ud800de", "nude"),
        ("nudе", "nude"),
        ("ΝUDΕ", "nude"),
        ("girl's", "girls"),
        ("self-harm,  now", "self harm now"),
        ("٣ cats", "3 cats"),
        ("sooooo cool", "soo cool"),
        ("1000 boats", "1000 boats"),
        ("a🔞b", "a 🔞 b"),
        ("\u3164\u2800", ""),
        ("", ""),
    ],
)
def test_what_is_never_meant_is_folded_away(written: str, folded: str) -> None:
    assert fold(written) == folded


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("s3x", ["sex"]),
        ("k1d", ["kid"]),
        ("l01i", ["loli"]),
        ("1oli", ["loli"]),
        ("sh!t!", ["shit"]),
        ("b00b$", ["boobs"]),
        ("@ss", ["ass"]),
        ("seeeex", ["sex"]),
        ("boooobs", ["boobs"]),
        ("\u202exes\u202c scene", ["sex", "scene"]),
        ("13 year old", ["13", "year", "old"]),
        ("n*de", ["n*de"]),
        ("*nude*", ["nude"]),
        ("s e x", [f"{JOINED}sex"]),
        ("a s.3.x scene", [f"{JOINED}asex", "scene"]),
        ("4 5 cats s3x", ["4", "5", "cats", "sex"]),
    ],
)
def test_what_may_be_meant_is_among_the_readings(written: str, meant: list[str]) -> None:
    assert meant in readings(written)


def test_plain_text_has_one_reading() -> None:
    assert readings("A cock crowing, at dawn") == [["a", "cock", "crowing", "at", "dawn"]]


@pytest.mark.parametrize("piece", ["a", "a ", "s3x ", "e", "!", "ﷺ", "\u202ea", "* ", "a\u0301"])
def test_a_hundred_thousand_characters_take_no_more_than_their_share(piece: str) -> None:
    def seconds(length: int) -> float:
        text = (piece * length)[:length]
        begun = time.process_time()
        readings(text)
        return time.process_time() - begun

    seconds(1000)
    assert seconds(100_000) < 40 * seconds(10_000) + 0.5
