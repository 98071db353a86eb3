"""What the page of a drawing shows, from the document that tells of the job.

Knows the document's form (`docs/http-api.md`), not where it comes from.
"""

import math
import shlex
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ninefold.pictures.caption_layout import clean
from ninefold.web.rendering import Reader

Document = Mapping[str, Any]
"""A job as the API tells of it."""

TRAINED_MEDIA = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's name for media made by a model that learned from samples."""

_MAX_COLUMNS = 8
_JOINERS = "\u200c\u200d"  # parts of emoji and of words
_FLAGS = {
    "condition_scale": "--condition-scale",
    "temperature": "--temperature",
    "top_k": "--top-k",
    "top_p": "--top-p",
    "negative_prompt": "--negative",
}


@dataclass(frozen=True)
class GridImage:
    """The picture that previews of a link show."""

    url: str
    """Absolute."""
    width: int
    height: int


@dataclass(frozen=True)
class Tile:
    """A place on the board."""

    index: int
    kind: str
    """`waiting`, `picture` or `hidden`."""
    url: str = ""
    """Path of the PNG."""
    width: int = 256
    height: int = 256
    reason: str = ""
    hash: str = ""
    is_private: bool = False
    """Whether it is shown to who asked for it alone."""

    @property
    def small_url(self) -> str:
        """Path of a smaller file that looks the same."""
        return self.url.removesuffix(".png") + ".webp"


def job_values(
    job: Document | None,
    reader: Reader,
    grid: GridImage | None,
    *,
    is_public: bool = False,
    is_own: bool = False,
) -> dict[str, Any]:
    """Return what the template of the drawing page needs.

    Args:
        job: the job; None is the empty page.
        reader: who the page is for.
        grid: all pictures as one, where they are there.
        is_public: whether the gallery shows it.
        is_own: whether the reader asked for it, and so may cancel and publish it.
    """
    if job is None:
        return {
            "job": None,
            "prompt": "",
            "grid_path": "",
            "share_title": "",
            "notices": [],
            "is_own": True,
        }
    prompt = clean(job["prompt"])
    return {
        "job": job,
        "prompt": prompt,
        "grid_path": path_of(job["grid_url"]),
        "share_title": reader.catalogue.say("share.title", prompt=prompt),
        "tiles": tiles_of(job),
        "columns": columns_for(len(tiles_of(job))),
        "notices": notices_of(job),
        "command": command_of(job),
        "grid": grid,
        "linked_data": linked_data(job, reader, grid) if grid else None,
        "is_public": is_public,
        "is_own": is_own,
    }


def tiles_of(job: Document) -> Sequence[Tile]:
    """Return the tiles as they are shown: ranked ones in their order, else by index."""
    pictures = job["pictures"]
    count = max(int(job["settings"].get("count") or 9), len(pictures))
    first = min((picture["index"] for picture in pictures), default=0)
    if len(pictures) < count:
        first = 0
    tiles = {index: Tile(index, "waiting") for index in range(first, first + count)}
    for picture in pictures:
        kind = "hidden" if picture["hidden"] else "picture"
        tiles[picture["index"]] = Tile(
            picture["index"],
            kind,
            "" if picture["hidden"] else path_of(picture["url"]),
            picture["width"],
            picture["height"],
            picture["hidden_reason"] or "",
            picture["hash"],
            picture["audience"] == "owner" and not picture["hidden"],
        )
    if len(pictures) == count and all(picture["rank"] is not None for picture in pictures):
        best_first = sorted(pictures, key=lambda picture: int(picture["rank"]))
        return [tiles[picture["index"]] for picture in best_first]
    return list(tiles.values())


def notices_of(job: Document) -> list[str]:
    """Return what a person should know of a drawing, why others do not see pictures included."""
    reasons = (picture["hidden_reason"] for picture in job["pictures"])
    return list(dict.fromkeys([*job["notices"], *(reason for reason in reasons if reason)]))


def path_of(url: str | None) -> str:
    """Return the path of an address of the service; pages load from where they came from."""
    return urlsplit(url or "").path


def columns_for(count: int) -> int:
    """Return how many columns make a board of so many tiles nearest to a square."""
    return min(max(math.ceil(math.sqrt(count)), 1), _MAX_COLUMNS)


def command_of(job: Document) -> str:
    """Return the command that draws the pictures of a job again, quoted for a shell.

    Characters that nobody sees stand as escapes of bash and zsh, so what is shown is what is run.
    """
    words = ["ninefold", "draw", "--seed", str(job["seed"]), "--model", job["model"]]
    for name, flag in _FLAGS.items():
        value = job["settings"].get(name)
        if value not in (None, ""):
            words += [flag, str(value)]
    if job["settings"].get("seamless"):
        words.append("--seamless")
    return " ".join(quoted(word) for word in [*words, "--", job["prompt"]])


def quoted(word: str) -> str:
    """Return a word as a shell reads it back, with invisible characters as escapes."""
    if not any(_is_invisible(character) for character in word):
        return shlex.quote(word)
    escaped = "".join(
        f"\\U{ord(character):08x}" if _is_invisible(character) else character
        for character in word.replace("\\", "\\\\").replace("'", "\\'")
    )
    return f"$'{escaped}'"


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character)[0] == "C" and character not in _JOINERS


def linked_data(job: Document, reader: Reader, grid: GridImage) -> dict[str, Any]:
    """Return the drawing as schema.org's ImageObject, which search engines read."""
    prompt = clean(job["prompt"])
    return {
        "@context": "https://schema.org",
        "@type": "ImageObject",
        "name": reader.catalogue.say("share.title", prompt=prompt),
        "description": reader.catalogue.say("share.description", prompt=prompt),
        "contentUrl": grid.url,
        "url": f"{reader.base_url}/g/{job['id']}",
        "width": grid.width,
        "height": grid.height,
        "encodingFormat": "image/png",
        "dateCreated": job["ended_at"] or job["created_at"],
        "license": f"{reader.base_url}/licence",
        "acquireLicensePage": f"{reader.base_url}/licence",
        "creditText": "Ninefold",
        "digitalSourceType": TRAINED_MEDIA,
    }
