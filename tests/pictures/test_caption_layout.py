"""Laws of captions: any text fits its lines, and what cannot be written is said in brackets."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from ninefold.pictures import caption_layout
from ninefold.pictures.caption_layout import MAX_CHARACTERS, Caption, clean, lay_out, transliterate

PAPER, INK = (255, 255, 255), (0, 0, 0)
WIDTH, SIZE = 200, 16


def one_line(text: str) -> str:
    """Lay a text out that needs a line, and return the line."""
    (line,) = lay_out(text, 10_000, SIZE, 1).lines
    return line


def ink_box(caption: Caption, width: int = WIDTH) -> tuple[int, int, int, int]:
    strip = caption.draw(width, INK, PAPER)
    box = ImageChops.invert(strip).getbbox()
    assert box is not None, "nothing was drawn"
    return box


# Text as people write it, and as nobody does: every plane, marks, joiners, directions, controls.
TEXT = st.text(max_size=80) | st.text(
    st.sampled_from("ab שلق猫😀é\u0301\u0302\u200d\ufe0f\u202e\u0000\n👍🏽"), max_size=80
)


@settings(max_examples=60, deadline=None)
@given(text=TEXT, max_lines=st.integers(1, 4), width=st.integers(120, 400))
def test_any_text_fits_its_lines(text: str, max_lines: int, width: int) -> None:
    caption = lay_out(text, width, SIZE, max_lines)
    assert len(caption.lines) <= max_lines
    assert all(line == line.strip() and line for line in caption.lines)
    assert all(caption.font.getlength(line) <= width for line in caption.lines)
    strip = caption.draw(width, INK, PAPER)
    assert strip.size == (width, max(caption.height, 1))


@given(text=TEXT)
def test_a_clean_text_holds_nothing_that_breaks_a_page(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert "  " not in cleaned
    dropped = {c for c in cleaned if unicodedata.category(c)[0] == "C"}
    assert dropped <= {"\u200c", "\u200d"}
    assert unicodedata.normalize("NFKD", cleaned).count("\u202e") == 0


@given(words=st.lists(st.text("abcdefgh", min_size=1, max_size=8), min_size=1, max_size=20))
def test_no_word_is_lost_where_there_is_room(words: list[str]) -> None:
    text = " ".join(words)
    assert " ".join(lay_out(text, WIDTH, SIZE, 100).lines) == text


def test_control_characters_are_dropped_and_lines_joined() -> None:
    assert clean("a\x00b\x1b[31m \u202ered\r\n\tend\u2028.\ud800") == "ab[31m red end .\ufffd"


def test_marks_are_limited_to_three_a_letter() -> None:
    assert clean("q" + "\u0302" * 500 + "e\u0323\u0302") == "q" + "\u0302" * 3 + "ệ"


def test_an_endless_text_is_cut_with_an_ellipsis() -> None:
    assert clean("a" * 100_000) == "a" * MAX_CHARACTERS + "…"
    assert clean("a" * MAX_CHARACTERS) == "a" * MAX_CHARACTERS


def test_a_text_that_needs_more_lines_ends_in_an_ellipsis() -> None:
    caption = lay_out("one two three. " * 20, WIDTH, SIZE, 2)
    assert len(caption.lines) == 2
    assert caption.lines[0].startswith("one two three. one")
    assert caption.lines[1].endswith("…")
    assert not caption.lines[1].endswith((".…", " …"))


def test_an_ellipsis_that_the_font_lacks_is_three_dots() -> None:
    assert lay_out("قطة " * 30, WIDTH, SIZE, 1).lines[0].endswith("...")


def test_a_word_longer_than_a_line_is_broken() -> None:
    caption = lay_out("m" * 40, WIDTH, SIZE, 10)
    assert len(caption.lines) > 1
    assert "".join(caption.lines) == "m" * 40


def test_a_line_never_starts_with_a_mark() -> None:
    caption = lay_out("क\u093e" * 40, WIDTH + SIZE, SIZE, 10)  # a line ends within a pair
    assert len(caption.lines) > 1
    assert all(line[0] == "क" for line in caption.lines)


def test_a_letter_and_its_marks_stay_together_on_the_narrowest_line() -> None:
    assert lay_out("क\u093eक\u093e", 1, SIZE, 2).lines == ("क\u093e", "क\u093e")


@pytest.mark.parametrize("text", ["", " \n ", "\x00\u202e"])
def test_an_empty_text_has_no_lines(text: str) -> None:
    caption = lay_out(text, WIDTH, SIZE, 3)
    assert caption.lines == ()
    assert caption.height == 0


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("an octopus 🐙!", "an octopus [octopus]!"),
        ("👩‍🚀 and 👍🏽", "[woman astronaut] and [thumbs up medium skin tone]"),
        ("鳥 is a bird", "[Niao] is a bird"),
        ("Привет, мир", "[Privet], [mir]"),
        ("\U00013000 x", "[?] x"),
        ("[猫]", "[[Mao]]"),
        ("q\u0302\u0323 z\u033f", "q z"),
        ("naïve – façade × ½ æ, ¿qué?", "naive - facade x 1/2 ae, ?que?"),
    ],
)
def test_what_no_font_has_is_written_in_ascii(text: str, written: str) -> None:
    assert one_line(text) == written


def test_a_run_of_missing_characters_has_one_pair_of_brackets() -> None:
    assert transliterate("a при вет b", frozenset("привет")) == "a [pri vet] b"


def test_an_emoji_that_can_be_drawn_is_kept() -> None:
    assert transliterate("❤️ 🐙", frozenset("🐙")) == "❤️ [octopus]"


def test_joiners_are_not_drawn_where_letters_are_not_joined() -> None:
    assert one_line("ca\u200dt\ufe0f") == "cat"


def test_right_to_left_starts_at_the_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caption_layout, "can_shape", lambda: True)
    caption = lay_out("قطة", WIDTH, SIZE, 1)
    assert caption.lines == ("قطة",)
    assert caption.is_right_to_left
    left, _, right, _ = ink_box(caption)
    assert left > WIDTH // 2
    assert right > WIDTH - SIZE // 2


def test_left_to_right_starts_at_the_left() -> None:
    caption = lay_out("cat", WIDTH, SIZE, 1)
    left, _, right, _ = ink_box(caption)
    assert not caption.is_right_to_left
    assert left < SIZE // 2
    assert right < WIDTH // 2


def test_right_to_left_is_transliterated_where_it_cannot_be_ordered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(caption_layout, "can_shape", lambda: False)
    caption = lay_out("שלום cat", WIDTH, SIZE, 1)
    assert caption.lines == ("[SHlvm] cat",)
    assert not caption.is_right_to_left


@pytest.mark.parametrize("text", ["3.5 שלום", "(שלום) cat"])
def test_the_first_letter_with_a_direction_decides(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caption_layout, "can_shape", lambda: True)
    assert lay_out(text, WIDTH, SIZE, 1).is_right_to_left
    assert not lay_out(f"a {text}", WIDTH, SIZE, 1).is_right_to_left


def test_every_line_is_drawn_below_the_one_before() -> None:
    one, two = (lay_out("mmm " * count, 60, SIZE, 4) for count in (1, 2))
    assert two.height == 2 * one.height
    first = two.draw(60, INK, PAPER).crop((0, 0, 60, one.height))
    assert ImageChops.difference(first, one.draw(60, INK, PAPER)).getbbox() is None


def test_a_caption_is_drawn_in_its_colours_on_its_own_strip() -> None:
    strip = lay_out("mmmm", WIDTH, SIZE, 1).draw(WIDTH, (255, 0, 0), (0, 0, 255))
    assert isinstance(strip, Image.Image)
    assert strip.getpixel((WIDTH - 1, 0)) == (0, 0, 255)
    assert (255, 0, 0) in strip.get_flattened_data()
