"""Real pictures of which the skin is known, to check how well it is seen: emoji of every tone.

They are from the sets that pocket's corpus is made of. The corpus itself has none of them, since it
leaves tones out, nor has the model seen them.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ninefold.corpus.render import flatten, render
from ninefold.corpus.sources import PICTURE_SOURCES, fetch_package
from ninefold.errors import CheckpointError
from ninefold.evaluation.bias_skin import DARK, LIGHT, MEDIUM, NONE, YELLOW

SIZE = 64
"""Side of the pictures in pixels."""

_WHITE = (255, 255, 255)
_PEOPLE = tuple(
    f"{who}-{role}" for who in ("man", "woman") for role in ("cook", "judge", "teacher")
)
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

Known = tuple[str, Image.Image]
"""One of `SKINS` with a picture that shows it."""


def read_controls(cache: Path) -> list[Known]:
    """Return pictures with the skin that each shows, fetching sets that are not there.

    Args:
        cache: folder of downloaded packages, as `ninefold corpus build` has it.

    Raises:
        UserError: the `npm` command is missing.
        DownloadError: npm could not fetch a package.
        CheckpointError: a package is not the pinned one, or is damaged.
    """
    folders = [fetch_package(source, cache) for source in PICTURE_SOURCES]
    return [known for folder in folders for known in _read_set(folder)]


def _read_set(folder: Path) -> Iterator[Known]:
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
    for person in _PEOPLE:
        for tone, skin in _TONES.items():
            wanted = (f"{person}-{tone}-skin-tone", f"{person}-{tone}") if tone else (person,)
            yield from ((skin, each) for each in _draw_first(names, wanted, size))
    for thing in _THINGS:
        yield from ((NONE, each) for each in _draw_first(names, (thing,), size))


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
