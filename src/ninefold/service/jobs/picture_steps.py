"""What happens to a picture between being painted and being stored: judged, sealed, encoded.

The one place where a picture policy hides pictures and where provenance is written into files.
Runs in the worker, in a thread. Knows nothing of jobs or stores.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, field

from PIL import Image

from ninefold.pictures.png import Recipe, encode_png
from ninefold.service.store.objects import content_hash

EXTENSIONS = ("png", "webp", "jpg")
"""The formats that every picture is stored in; PNG is what was drawn, with its recipe."""

_QUALITY = 90


@dataclass(frozen=True)
class Judgement:
    """What the picture policy says of a picture."""

    is_hidden: bool = False
    reason: str | None = None
    """One sentence for people; None where the picture is shown."""


Judge = Callable[[Image.Image], Judgement]
Seal = Callable[[bytes, str], bytes]
"""Writes provenance into a file, given its extension."""


@dataclass(frozen=True)
class StoredPicture:
    """A picture as it is stored."""

    digest: str
    """blake3 of the PNG file."""
    files: dict[str, bytes]
    """By extension."""
    width: int
    height: int
    judgement: Judgement


def show_all(_image: Image.Image) -> Judgement:
    """Judge nothing: every picture is shown."""
    return Judgement()


def leave_unsealed(data: bytes, _extension: str) -> bytes:
    """Write no provenance beyond the recipe."""
    return data


@dataclass(frozen=True)
class PictureSteps:
    """The steps, in order."""

    judge: Judge = field(default=show_all)
    seal: Seal = field(default=leave_unsealed)

    def finish(self, image: Image.Image, recipe: Recipe) -> StoredPicture:
        """Return a picture ready to be stored."""
        judgement = self.judge(image)
        encoded = {
            "png": encode_png(image, recipe),
            "webp": encode(image, "webp"),
            "jpg": encode(image, "jpg"),
        }
        files = {extension: self.seal(data, extension) for extension, data in encoded.items()}
        return StoredPicture(
            content_hash(files["png"]), files, image.width, image.height, judgement
        )

    def preview(self, image: Image.Image) -> bytes | None:
        """Return an unfinished picture as WebP; None where it is not to be shown."""
        return None if self.judge(image).is_hidden else encode(image, "webp")


def encode(image: Image.Image, extension: str) -> bytes:
    """Return a picture as a file without metadata: "png", "webp" or "jpg"."""
    buffer = io.BytesIO()
    if extension == "png":
        image.save(buffer, "PNG")
    elif extension == "webp":
        image.save(buffer, "WEBP", quality=_QUALITY, method=4)
    else:
        image.convert("RGB").save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return buffer.getvalue()
