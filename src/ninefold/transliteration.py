"""Spells any text in ASCII: `café 猫` becomes `cafe Mao `.

DALL·E Mini's captions were spelled by Unidecode, which is under the GPL and therefore not installed
with this Apache-2.0 package. `spell` is the default: the table of text-unidecode, the older port
of the same Perl module (its Artistic licence), completed where Unidecode's later table differs in
characters that people write. `docs/decisions/0003-text-libraries.md` has the measured agreement.
`pip install '.[unidecode-gpl]'` brings Unidecode itself, for the models that learned by it.
Knows nothing of the other rules of the normaliser.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import metadata

from text_unidecode import unidecode as _spell_by_table

EXACT_EXTRA = "unidecode-gpl"
"""The optional extra of this package that brings Unidecode."""

_UNKNOWN = "[?]"  # what the table says of a character that it does not know


@dataclass(frozen=True)
class Transliteration:
    """A way to spell any text in ASCII."""

    name: str
    """Of the library, its version, and whether it is the one that DALL·E Mini was trained with."""
    spell: Callable[[str], str]

    @property
    def is_exact(self) -> bool:
        """Whether this is the transliteration of DALL·E Mini's captions."""
        return self.spell is not spell


def spell(text: str) -> str:
    """Spell `text` in ASCII, from tables under permissive licences.

    Characters without a spelling are dropped.
    """
    if text.isascii():
        return text
    return "".join(c if c.isascii() else _spell_character(c) for c in text)


def default_transliteration() -> Transliteration:
    """Return the one that is always installed."""
    version = metadata.version("text-unidecode")
    return Transliteration(f"text-unidecode {version} with Ninefold's additions", spell)


def exact_transliteration() -> Transliteration | None:
    """Return Unidecode, with which DALL·E Mini was trained; None where it is not installed."""
    try:
        from unidecode import unidecode
    except ImportError:
        return None
    return Transliteration(f"Unidecode {metadata.version('Unidecode')}, exact", unidecode)


@cache
def _spell_character(character: str) -> str:
    added = _ADDED.get(character)
    if added is not None:
        return added
    spelled: str = _spell_by_table(character)
    if spelled and spelled.strip() != _UNKNOWN:
        return spelled
    name = unicodedata.name(character, "")
    if by_name := _SMALL_CAPITAL.fullmatch(name):
        return by_name[1]
    if by_name := _CHESS_PIECE.fullmatch(name):
        return f"{by_name[1]} {by_name[2]}".lower()
    # Letters in a ring, in brackets, in bold or double-struck are that letter and its brackets.
    plain = unicodedata.normalize("NFKD", character)
    if plain == character or any(unicodedata.category(part) == "Lo" for part in plain):
        return ""
    return spell(plain).replace("\N{FRACTION SLASH}", "/")


_SMALL_CAPITAL = re.compile("LATIN LETTER SMALL CAPITAL ([A-Z])")
_CHESS_PIECE = re.compile("(WHITE|BLACK) CHESS ([A-Z]+)")

_ADDED: dict[str, str] = {
    # Hepburn's spelling of kana, and the marks among them.
    **dict.fromkeys("しシ", "shi"),
    **dict.fromkeys("ちチ", "chi"),
    **dict.fromkeys("っつッツ", "tsu"),
    **{"゠": "=", "ー": "-", "・": "*"},
    # Cyrillic.
    **{"ъ": "'", "Ъ": "'", "Є": "Ie"},
    # Hebrew: letters, final letters, points.
    **{"א": "A", "ח": "H", "ט": "T", "כ": "KH", "ך": "KH", "צ": "TS", "ץ": "TS", "ק": "k"},
    **{"ש": "SH", "ױ": "OY", "ײ": "EY", "״": '"', "־": "-", "׃": "."},
    **{"\u05b0": "", "\u05ba": "o", "\u05bc": "", "\u05c7": "o"},
    # Latin and Greek: eng, the capital sharp s, and accents that stand alone.
    **{"Ŋ": "NG", "ŋ": "ng", "ẞ": "SS", "\u037a": "", "\u0384": "", "\u0385": ""},
    **{"\u309b": "", "\u309c": ""},
    # Signs.
    **{"¼": " 1/4", "½": " 1/2", "¾": " 3/4", "⅐": " 1/7 ", "⅑": " 1/9 ", "⅒": " 1/10 "},
    **{"™": "(tm)", "℠": "(sm)", "℗": "(p)", "№": "No. ", "\u2126": "ohm", "℮": "e", "։": ":"},
    **{"≤": "<=", "≥": ">=", "≦": "<=", "≧": ">=", "−": "-", "∕": "/", "∗": "*", "⁎": "*"},
    **{"∣": "|", "∶": ":", "∼": "~", "∖": "\\", "♯": "#", "⟨": "<", "⟩": "> ", "⁓": "~"},
    **{"❝": '"', "❞": '"', "❜": "'", "❢": "!", "✱": "*"},
    **dict.fromkeys("♠♤", "spades"),
    **dict.fromkeys("♥♡", "hearts"),
    **dict.fromkeys("♦♢", "diamonds"),
    **dict.fromkeys("♣♧", "clubs"),
    # Currencies, by sign or code.
    **{"₱": "P", "₲": "G", "₳": "A", "₴": "UAH", "₵": "C|", "₸": "T", "₹": "Rs", "₺": "L"},
    **{"₼": "m", "₽": "R", "₾": "l", "₿": "BTC"},
}
"""Spellings that the table lacks or has otherwise."""
