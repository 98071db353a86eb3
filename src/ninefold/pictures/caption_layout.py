"""Writes a prompt on a picture: any Unicode text, in lines of a given width.

A prompt is hostile text: it may be empty or endless, hold control characters, stack marks a mile
high or turn the direction of writing. What no font here can write is written in ASCII: accents and
signs go without a word; other scripts are transliterated, and emoji named, in square brackets, so
that nobody takes it for what was asked.
"""

import re
import unicodedata
from dataclasses import dataclass

import emoji
from PIL import Image, ImageDraw, ImageFont

from ninefold.pictures.fonts import Font, can_shape, choose_font
from ninefold.transliteration import spell

Colour = tuple[int, int, int]

MAX_CHARACTERS = 600
"""What is looked at of a prompt; more never fits."""

_ELLIPSIS = "…"
_MAX_MARKS = 3  # above or below one letter; Vietnamese and Hebrew need two, vandals use hundreds
_VARIANTS = (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
_JOINERS = frozenset(map(chr, (0x200C, 0x200D, *_VARIANTS)))
"""Joiners and variation selectors: they draw nothing, but say how their neighbours are drawn."""


@dataclass(frozen=True)
class Caption:
    """A text that has been broken into lines, ready to be drawn."""

    lines: tuple[str, ...]
    """In the order of reading; none for an empty text."""
    font: Font
    line_height: int
    """In pixels."""
    is_right_to_left: bool

    @property
    def height(self) -> int:
        """Pixels that the lines take together."""
        return len(self.lines) * self.line_height

    def draw(self, width: int, ink: Colour, paper: Colour) -> Image.Image:
        """Draw the lines on a strip of its own, `width` by `height`, from the side reading starts.

        What sticks out of the strip is cut off, so no caption draws over a picture.
        """
        strip = Image.new("RGB", (width, max(self.height, 1)), paper)
        brush = ImageDraw.Draw(strip)
        shapes = self.font.layout_engine == ImageFont.Layout.RAQM  # else it takes no direction
        direction = ("rtl" if self.is_right_to_left else "ltr") if shapes else None
        ascent, descent = self.font.getmetrics()
        drop = (self.line_height - ascent - descent) // 2 + ascent
        for number, line in enumerate(self.lines):
            baseline = number * self.line_height + drop
            start = width if self.is_right_to_left else 0
            anchor = "rs" if self.is_right_to_left else "ls"
            brush.text((start, baseline), line, ink, self.font, anchor, direction=direction)
        return strip


def lay_out(text: str, width: int, size: int, max_lines: int) -> Caption:
    """Break a text into lines.

    Args:
        text: any text.
        width: pixels that a line may take.
        size: of the letters, in pixels.
        max_lines: at least 1; a text that needs more ends in an ellipsis.
    """
    text = clean(text)
    is_right_to_left = _reads_right_to_left(text)
    font, missing = choose_font(frozenset(text) - _JOINERS | {_ELLIPSIS}, size)
    if not can_shape():
        missing |= {c for c in text if unicodedata.bidirectional(c) in ("R", "AL")}
    if not missing.isdisjoint(text):
        text = transliterate(text, missing)
        is_right_to_left = _reads_right_to_left(text)
    if font.layout_engine != ImageFont.Layout.RAQM:  # it would draw a sign for each
        text = "".join(c for c in text if c not in _JOINERS)
    ellipsis = "..." if _ELLIPSIS in missing else _ELLIPSIS
    lines = _break_lines(text, font, width, max_lines, ellipsis)
    ascent, descent = font.getmetrics()
    line_height = max(ascent + descent, size * 5 // 4)
    return Caption(tuple(lines), font, line_height, is_right_to_left)


def clean(text: str) -> str:
    """Return `text` as one line of at most `MAX_CHARACTERS` that leaves the page in order.

    White space becomes single spaces. Control characters, and those that turn the direction of
    writing, are dropped; so are marks beyond the third on one letter.
    """
    is_cut = len(text) > MAX_CHARACTERS
    text = text[:MAX_CHARACTERS].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    kept: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", text):
        category = unicodedata.category(character)
        if character.isspace():
            kept.append(" ")
        elif character in _JOINERS or category[0] != "C":
            marks = marks + 1 if category in ("Mn", "Me") and character not in _JOINERS else 0
            if marks <= _MAX_MARKS:
                kept.append(character)
    line = " ".join("".join(kept).split())
    return line + _ELLIPSIS if is_cut else line


def transliterate(text: str, missing: frozenset[str]) -> str:
    """Replace what cannot be drawn by ASCII.

    Args:
        text: a text without control characters.
        missing: characters that cannot be drawn; an emoji of several goes with any of them.

    Returns:
        The text with plain Latin letters for accented ones, words for emoji and Latin letters for
        other scripts, the latter two in square brackets.
    """

    def name_emoji(characters: str, data: dict[str, str]) -> str:
        if missing.isdisjoint(characters):
            return characters
        return f"[{data['en'].strip(':').replace('_', ' ')}]"

    text = emoji.replace_emoji(text, name_emoji)
    text = "".join(_simplified(c) if c in missing else c for c in text)
    if missing.isdisjoint(text):
        return text
    absent = "[" + "".join(map(re.escape, sorted(missing))) + "]"
    between = "[ " + "".join(_JOINERS) + "]*"
    run = f"{absent}(?:{between}{absent})*"
    return re.sub(run, lambda match: f"[{_latin(match[0])}]", text)


def _simplified(character: str) -> str:
    """The ASCII for an accented letter or a sign; nothing for an accent; else what it was."""
    ascii_text = spell(character).strip()
    category = unicodedata.category(character)[0]
    if category == "M" and not ascii_text:
        return ""
    is_latin = unicodedata.name(character, "").startswith("LATIN ")
    return ascii_text if ascii_text and (is_latin or category in "PSN") else character


def _latin(text: str) -> str:
    return " ".join(spell(text).split()) or "?"


def _reads_right_to_left(text: str) -> bool:
    """Whether the first letter with a direction runs from right to left (UAX 9, rules P2, P3)."""
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in ("L", "R", "AL"):
            return direction != "L"
    return False


def _break_lines(text: str, font: Font, width: int, max_lines: int, ellipsis: str) -> list[str]:
    lines: list[str] = []
    rest = text
    while rest and len(lines) < max_lines:
        end = _fitting(rest, font, width)
        if end < len(rest):
            space = rest.rfind(" ", 0, end + 1)
            end = space if space > 0 else end
        lines.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    if rest:
        last = f"{lines[-1]} {rest}"
        end = _fitting(last, font, width - font.getlength(ellipsis))
        lines[-1] = last[:end].rstrip(" .…") + ellipsis
    return lines


def _fitting(text: str, font: Font, width: float) -> int:
    """How many characters from the start fit into `width`; at least one, with its marks."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if font.getlength(text[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    while low < len(text) and _continues(text[low]) and low > 1:
        low -= 1
    while low < len(text) and _continues(text[low]):
        low += 1
    return low


def _continues(character: str) -> bool:
    """Whether a line may not start with `character`, because it belongs to the one before."""
    return character in _JOINERS or unicodedata.category(character)[0] == "M"
