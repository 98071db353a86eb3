"""ftfy's repairs of text, in a bounded number of rounds.

`ftfy.fix_text` repairs until nothing changes, and a hostile text changes for as many rounds as it
has characters: `&amp;amp;…` loses one escape a round, `ÂÂÂ…©` one letter. The rounds here are
ftfy's own steps in its order, and the result is ftfy's for every text that comes to rest within
`MAX_STEPS`; damage met in the wild takes under ten. Knows nothing of the other rules.
"""

import unicodedata

import ftfy
from ftfy import fixes

MAX_STEPS = 16
"""Of repair, of one line; each is linear in its length."""
MAX_MARKS = 64
"""Combining marks that a character keeps; putting n of them in order takes time in the square."""

_FIXERS = (
    fixes.fix_c1_controls,
    fixes.fix_latin_ligatures,
    fixes.fix_character_width,
    fixes.uncurl_quotes,
    fixes.fix_line_breaks,
    fixes.fix_surrogates,
    fixes.remove_terminal_escapes,
    fixes.remove_control_chars,
)
_CONFIG = ftfy.TextFixerConfig(explain=False)


def repair(text: str) -> str:
    """Return what `ftfy.fix_text` makes of a text, line by line as it does."""
    if not text.isascii():
        text = _limit_marks(text)
    lines = []
    has_tags = False  # ftfy unescapes nothing more once it has met a tag
    for line in _lines(text):
        has_tags = has_tags or "<" in line
        lines.append(_repair_line(line, may_unescape=not has_tags))
    return "".join(lines)


def _lines(text: str) -> list[str]:
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _repair_line(line: str, *, may_unescape: bool) -> str:
    steps = 0
    while steps < MAX_STEPS:
        before = line
        if may_unescape:
            line = fixes.unescape_html(line)
        while steps < MAX_STEPS:
            steps += 1
            # The loop around this step, the public `fix_encoding`, knows no end.
            decoded, _ = ftfy._fix_encoding_one_step_and_explain(line, _CONFIG)
            if decoded == line:
                break
            line = decoded
        for fix in _FIXERS:
            line = fix(line)
        line = unicodedata.normalize("NFC", _limit_marks(line))
        if line == before:
            break
    return line


def _limit_marks(text: str) -> str:
    """Drop combining marks beyond `MAX_MARKS` in a row."""
    if text.isascii():
        return text
    kept, run = [], 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) else 0
        if run <= MAX_MARKS:
            kept.append(character)
    return "".join(kept)
