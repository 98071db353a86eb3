"""Which emoji are drawn, what they are called, and the SVG of each in every set.

Emojibase names an emoji by code point; the icon sets name theirs by words. This module joins the
two. It does not render and does not write captions.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ninefold.errors import CheckpointError

GROUPS = {
    0: "smileys-emotion",
    1: "people-body",
    3: "animals-nature",
    4: "food-drink",
    5: "travel-places",
    6: "activities",
    7: "objects",
}
"""Emojibase groups that are drawn; components, symbols and flags are no things and left out."""

SKIPPED_SUBGROUPS = {"family", "person-symbol", "person-gesture", "hair-style", "zodiac"}
"""Subgroups that a 64-pixel picture cannot tell apart."""

_SKIPPED_LABEL = re.compile(
    r"o’clock|-thirty|\b(button|keycap|input|playing card|mahjong|dominos?)\b|facing right"
    r"|^(man|woman|men|women):|: (man|woman|red hair|curly hair|white hair|bald|blond hair)"
    r"|^(man|woman|men|women) (with|in|and|holding|getting|walking|running|kneeling|standing"
    r"|feeding|surfing|rowing|swimming|biking|cartwheeling|playing|juggling|bouncing|lifting"
    r"|mountain|wrestling|golfing|bowing|tipping|gesturing|pouting|frowning|shrugging"
    r"|facepalming|raising)"
)


@dataclass(frozen=True)
class Emoji:
    """One emoji, whatever set draws it."""

    hexcode: str
    label: str
    """Its CLDR name, lower case."""
    tags: tuple[str, ...]
    """Its CLDR keywords."""
    group: str
    subgroup: str


def read_emoji(folder: Path) -> list[Emoji]:
    """Read the emoji that are drawn from an unpacked `emojibase-data` package, in its order.

    Raises:
        CheckpointError: the package lacks the expected files.
    """
    records = _read_json(folder / "package/en/data.json")
    labels = {str(record["label"]).lower() for record in records}
    meta = _read_json(folder / "package/meta/groups.json")
    chosen = []
    for record in records:
        group, subgroup = record.get("group"), meta["subgroups"].get(str(record.get("subgroup")))
        if group not in GROUPS or subgroup in SKIPPED_SUBGROUPS:
            continue
        label = str(record["label"]).lower()
        first, _, role = label.partition(" ")
        is_gendered_role = first in ("man", "woman") and role in labels
        if is_gendered_role or _SKIPPED_LABEL.search(label):
            continue
        tags = tuple(str(tag).lower() for tag in record.get("tags", ()))
        chosen.append(Emoji(record["hexcode"], label, tags, GROUPS[group], subgroup))
    return chosen


def read_pictures(folder: Path, emoji: list[Emoji]) -> Iterator[tuple[Emoji, str]]:
    """Yield each emoji that an icon set draws, with its SVG document, in the order of `emoji`.

    Args:
        folder: an unpacked `@iconify-json` package.
        emoji: what to look for.

    Raises:
        CheckpointError: the package lacks the expected files.
    """
    icons = _read_json(folder / "package/icons.json")
    by_slug = _icon_names(icons)
    by_hexcode = _names_of_code_points(folder)
    width, height = icons.get("width", 16), icons.get("height", 16)
    for item in emoji:
        slug = slugify(item.label)
        name = (
            by_hexcode.get(item.hexcode.lower())
            or by_slug.get(slug)
            or by_slug.get(slug.replace("-", ""))
        )
        if name is None or name not in icons["icons"]:
            continue
        icon = icons["icons"][name]
        box = f"0 0 {icon.get('width', width)} {icon.get('height', height)}"
        yield item, f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">{icon["body"]}</svg>'


def slugify(label: str) -> str:
    """Return a CLDR name as the icon sets spell it: ASCII words joined by hyphens.

    >>> slugify("person’s face: “hello”")
    'persons-face-hello'
    """
    plain = label.replace("’", "").replace("'", "").replace("ñ", "n").replace("ô", "o")
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def _icon_names(icons: dict[str, Any]) -> dict[str, str]:
    names = {name: name for name in icons["icons"]}
    for alias, target in icons.get("aliases", {}).items():
        names.setdefault(alias, target["parent"])
    return names


def _names_of_code_points(folder: Path) -> dict[str, str]:
    path = folder / "package/chars.json"
    if not path.exists():
        return {}
    return {chars: name for chars, name in _read_json(path).items() if isinstance(name, str)}


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path.name} of a corpus package is missing or damaged ({error}); remove the package "
            "from the corpus cache and build again."
        ) from error
