"""The words of the interface, in every language that there is a catalogue of.

Knows nothing of requests: the language that was chosen and the header that a browser sends come in
as text. A catalogue is `catalogues/LANGUAGE.json`; all have the same keys, and tests hold them so.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

DEFAULT_LANGUAGE = "en"

LIVE = "live."
"""What the keys of messages begin with that the page's scripts say."""

Message = str | dict[str, str]
"""A text, or one for each plural category of Unicode CLDR."""

_FOLDER = Path(__file__).parent / "catalogues"
_MAX_HEADER = 500


@dataclass(frozen=True)
class Catalogue:
    """The words of one language."""

    language: str
    """Tag of the language, such as "es"."""
    messages: Mapping[str, Message]

    def say(self, key: str, **values: object) -> str:
        """Return a message, with `{name}` replaced by the value of that name.

        Raises:
            KeyError: there is no such message, or it has plural forms, which only scripts say.
        """
        message = self.messages[key]
        if isinstance(message, dict):
            raise KeyError(f"{key} has plural forms; the server says none.")
        return re.sub(r"\{(\w+)\}", lambda match: str(values.get(match[1], match[0])), message)

    def live_messages(self) -> dict[str, Message]:
        """Return the messages that the page's scripts say."""
        return {key: text for key, text in self.messages.items() if key.startswith(LIVE)}


@cache
def catalogues() -> Mapping[str, Catalogue]:
    """Return all catalogues by language, the default one first."""
    codes = sorted(path.stem for path in _FOLDER.glob("*.json"))
    codes.sort(key=lambda code: code != DEFAULT_LANGUAGE)
    return MappingProxyType({code: Catalogue(code, _read(code)) for code in codes})


def _read(code: str) -> Mapping[str, Message]:
    messages = json.loads((_FOLDER / f"{code}.json").read_text(encoding="utf-8"))
    return MappingProxyType(messages)


def choose_catalogue(chosen: str | None, accept_language: str | None) -> Catalogue:
    """Return the catalogue for a reader.

    Args:
        chosen: language that the reader chose here; one that there is no catalogue of is passed by.
        accept_language: the header of RFC 9110, section 12.5.4, by which a browser says what its
            user reads.
    """
    known = catalogues()
    if chosen is not None and chosen in known:
        return known[chosen]
    for tag in _by_quality(accept_language or ""):
        language = tag.partition("-")[0].lower()
        if language in known:
            return known[language]
    return known[DEFAULT_LANGUAGE]


def _by_quality(header: str) -> list[str]:
    weighted = []
    for part in header[:_MAX_HEADER].split(","):
        tag, _, parameter = part.strip().partition(";")
        match = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", parameter)
        quality = float(match[1]) if match else 1.0
        if quality > 0:
            weighted.append((tag.strip(), quality))
    return [tag for tag, _ in sorted(weighted, key=lambda item: -item[1])]
