"""The caption normaliser of DALL·E Mini: any text to plain lower-case ASCII.

The published models were trained on captions that went through these rules, in this order, so a
prompt has to as well (source of the rules: `borisdayma/dalle-mini` 0.1.5). Three of them are whole
libraries (ftfy, emoji, a transliterator), and their versions are part of the conditioning; see
`docs/decisions/0003-text-libraries.md`. Knows nothing of tokens.

Each rule is linear in the length of the text, for prompts are hostile.
"""

import html
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Self

from ninefold.text.emoji_names import name_emoji
from ninefold.text.encoding_repair import repair
from ninefold.text.hashtags import WORD_FREQUENCY_FILE, WordSplitter, split_at_boundaries
from ninefold.transliteration import (
    Transliteration,
    default_transliteration,
    exact_transliteration,
)

Rule = Callable[[str], str]

# Signs that later rules would turn into commas hide behind these words meanwhile. They are spelled
# as in the reference: inside a hashtag its splitter meets them as letters, and does not spare them.
_DOT, _QUOTE, _SLASH = (f"xtokx{sign}xtokx" for sign in ("dot", "quote", "slash"))

_SINGULARS = {"a person": 282265, "someone": 121194, "somebody": 12219}
"""What stands for one `<person>` in the training captions, and how often it does."""

_PEOPLE = re.compile(r"<person>(?:[,\s]*+(?:(?:and)++[,\s]*+)?<person>)+")
_LEADING_REFERENCE = re.compile(r"\A\s*\[\d+\]")
_TRAILING_REFERENCE = re.compile(r"\[\d+\]\s*\Z")
_TAG = re.compile(r"<[^<]+?>")
_LINK = re.compile(r"http\S+")
_THOUSANDS = re.compile(r"(\d),(\d{3})")
_INNER_DOT = re.compile(r"(\w)\.(\w)")
_APOSTROPHE = re.compile(r"'(?=(?:[stdm]|ll|re|ve)\b)")
_INNER_SLASH = re.compile(r"(\d)/(\d)")
_INNER_HYPHEN = re.compile(r"(\w)-(\w)")
_SYMBOL = re.compile(r"([%&\\/$*])")
_HASHTAG = re.compile(r"#(\w+)")
_BLANKED = re.compile(r"[_#\\]")
_QUOTATION = re.compile(r"['\"`]")
_PUNCTUATION = re.compile(r"[()\[\].,|:;?!=+~\-/{}]")
_REPETITION = re.compile(r"(\D)\1{3,}")
_QUOTES = re.compile(r'[\s"]+')
_COMMAS = re.compile(r"[\s,]+")
_SPACE = re.compile(r"\s+")
_LONG_NUMBER = re.compile(r"&#([0-9]{1000,}+);?")


class TextNormalizer:
    """Normalises captions and prompts as the training data of the published models were.

    The result is ASCII in lower case and begins with exactly one space (an empty text gives one
    space). Normalising twice is normalising once, except where a first pass brings together what
    was apart: a lone `http` with the comma behind it, or a dot with what an underscore kept away.

    Args:
        word_frequencies: The published word list, by which hashtags are split into words. Without
            it a tag is cut where its case changes and between letters and digits.
        rng: Draws the word for a lone `<person>`, as the reference does. Without it the draw is
            seeded with the text, so that the same prompt always gives the same tokens.
        transliteration: Spells other scripts in ASCII; the default, unless one is given.

    Raises:
        CheckpointError: `word_frequencies` is given but does not exist.
    """

    def __init__(
        self,
        word_frequencies: Path | None = None,
        rng: random.Random | None = None,
        transliteration: Transliteration | None = None,
    ) -> None:
        self._rng = rng
        self.transliteration = transliteration or default_transliteration()
        self._splitter = WordSplitter(word_frequencies) if word_frequencies else None
        # Without a list the case is all there is to go by: those tags open before the lower-casing.
        before_lower = () if self._splitter else (open_cased_hashtags,)
        self.rules: tuple[Rule, ...] = (
            fix_encoding,
            unescape_html,
            name_emoji,
            self.transliteration.spell,
            *before_lower,
            str.lower,
            self._name_people,
            drop_reference_marks,
            drop_tags,
            drop_links,
            join_thousands,
            hide_inner_dots,
            hide_apostrophes,
            hide_inner_slashes,
            part_hyphenated_words,
            set_symbols_apart,
            self._open_hashtags,
            blank_separators,
            unify_quotation_marks,
            unify_punctuation,
            restore_hidden_signs,
            shorten_repetitions,
            merge_quotation_marks,
            merge_commas,
            collapse_spaces,
            strip_outer_commas,
            begin_with_space,
        )

    @classmethod
    def from_folder(cls, folder: Path) -> Self:
        """Build the normaliser of a model's folder, with the word list if the folder has one."""
        words = folder / WORD_FREQUENCY_FILE
        return cls(
            words if words.is_file() else None, transliteration=transliteration_of_folder(folder)
        )

    def __call__(self, text: str) -> str:
        """Normalise one text.

        Raises:
            CheckpointError: The text has a hashtag and the word list is damaged.
        """
        for rule in self.rules:
            text = rule(text)
        return text

    def _name_people(self, text: str) -> str:
        """Put words in the place of `<person>`, which stands for the names in some captions."""
        text = _PEOPLE.sub(" people ", text)
        first, *rest = text.split("<person>")
        rng = self._rng or random.Random(text)
        words = rng.choices(list(_SINGULARS), list(_SINGULARS.values()), k=len(rest))
        return first + "".join(f" {word} {part}" for word, part in zip(words, rest, strict=True))

    def _open_hashtags(self, text: str) -> str:
        """`#sunsetlake` to `sunset lake`; without a word list, only the sign goes."""
        splitter = self._splitter
        if splitter is None:
            return _HASHTAG.sub(r"\1", text)
        return _HASHTAG.sub(lambda tag: " ".join(splitter.split(tag[1])), text)


def transliteration_of_folder(folder: Path) -> Transliteration:
    """Return the one that prompts of a model are spelled with.

    The published models come with the published word list, and are read with Unidecode where it is
    installed. Any other model reads the same on every machine, whatever is installed beside.
    """
    is_published = (folder / WORD_FREQUENCY_FILE).is_file()
    return (exact_transliteration() if is_published else None) or default_transliteration()


def fix_encoding(text: str) -> str:
    """Repair mojibake, curly quotes, ligatures, control characters and lone surrogates."""
    return repair(text)


def unescape_html(text: str) -> str:
    """`&amp;lt;` to `<`: scraped captions are often escaped twice."""
    return _unescape_once(_unescape_once(text))


def _unescape_once(text: str) -> str:
    # Python converts no number of more than 4,300 digits.
    return html.unescape(_LONG_NUMBER.sub(lambda found: _shortened(found[1]), text))


def _shortened(digits: str) -> str:
    """`&#…;` of the same character: none, where more than nine digits are left."""
    return f"&#{digits.lstrip('0')[:9] or '0'};"


def open_cased_hashtags(text: str) -> str:
    """`#SunsetLake2020` to `#Sunset Lake 2020`."""
    return _HASHTAG.sub(lambda tag: "#" + " ".join(split_at_boundaries(tag[1])), text)


def drop_reference_marks(text: str) -> str:
    """Drop one encyclopaedia reference such as `[3]` at the very start and one at the very end."""
    return _TRAILING_REFERENCE.sub("", _LEADING_REFERENCE.sub("", text))


def drop_tags(text: str) -> str:
    """`<b>bold</b>` to ` bold `."""
    return _TAG.sub(" ", text)


def drop_links(text: str) -> str:
    """Drop web addresses."""
    return _LINK.sub("", text)


def join_thousands(text: str) -> str:
    """Drop commas between groups of digits: `1,000,000` to `1000000`."""
    # The second pass takes the commas on the far side of what the first one matched.
    return _THOUSANDS.sub(r"\1\2", _THOUSANDS.sub(r"\1\2", text))


def hide_inner_dots(text: str) -> str:
    """Keep the dot of `3.5` and `e.g`; in `a.b.c` only every other one, as the reference does."""
    return _INNER_DOT.sub(rf"\1{_DOT}\2", text)


def hide_apostrophes(text: str) -> str:
    """Keep the apostrophe of `it's`, `don't`, `we'll` and the like."""
    return _APOSTROPHE.sub(_QUOTE, text)


def hide_inner_slashes(text: str) -> str:
    """Hide the slash of fractions such as `1/2` from the rules that split at slashes."""
    return _INNER_SLASH.sub(rf"\1{_SLASH}\2", text)


def part_hyphenated_words(text: str) -> str:
    """`well-known` to `well known`."""
    return _INNER_HYPHEN.sub(r"\1 \2", text)


def set_symbols_apart(text: str) -> str:
    """Put spaces around symbols: `50%` to `50 % `."""
    return _SYMBOL.sub(r" \1 ", text)


def blank_separators(text: str) -> str:
    """`under_score` to `under score`."""
    return _BLANKED.sub(" ", text)


def unify_quotation_marks(text: str) -> str:
    """Every kind of quotation mark to a double one that stands apart."""
    return _QUOTATION.sub(' " ', text)


def unify_punctuation(text: str) -> str:
    """Every other kind of punctuation to a comma."""
    return _PUNCTUATION.sub(",", text)


def restore_hidden_signs(text: str) -> str:
    """Bring back what `hide_inner_dots`, `hide_apostrophes` and `hide_inner_slashes` hid."""
    return text.replace(_DOT, ".").replace(_QUOTE, "'").replace(_SLASH, "/")


def shorten_repetitions(text: str) -> str:
    """`sooooo` to `so`: anything but a digit that comes four or more times in a row."""
    return _REPETITION.sub(r"\1", text)


def merge_quotation_marks(text: str) -> str:
    """Neighbouring quotation marks to one that stands apart."""
    return _QUOTES.sub(lambda run: ' " ' if '"' in run[0] else run[0], text)


def merge_commas(text: str) -> str:
    """Neighbouring commas to one, with a space behind it."""
    return _COMMAS.sub(lambda run: ", " if "," in run[0] else run[0], text)


def collapse_spaces(text: str) -> str:
    """White space of any kind and length to one space."""
    return _SPACE.sub(" ", text)


def strip_outer_commas(text: str) -> str:
    """Drop white space and a comma at either end."""
    return text.strip().removesuffix(",").removeprefix(",").strip()


def begin_with_space(text: str) -> str:
    """Put one space in front: the tokenizer has other tokens for words that follow a space."""
    return f" {text}"
