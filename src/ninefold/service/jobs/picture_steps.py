"""What happens to pictures between being painted and being stored: encoded, sealed, judged.

The one place where a picture policy hides pictures and where provenance is written into files.
Runs in the worker, in a thread. Knows nothing of jobs or stores.
"""

import dataclasses
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from PIL import Image

from ninefold.pictures.png import Recipe, encode_png, without_texts
from ninefold.safety.fingerprint import fingerprint, has_structure
from ninefold.safety.image_policy import Audience
from ninefold.safety.mark import MARK, put_mark
from ninefold.service.store.objects import content_hash

RECIPE = "json"
"""Extension of what a picture was drawn from, which its files do not tell unless asked to."""

EXTENSIONS = ("png", "webp", "jpg", RECIPE)
"""What is stored of every picture."""

_QUALITY = 90


@dataclass(frozen=True)
class Judgement:
    """What the picture policy says of a picture."""

    audience: Audience = Audience.GALLERY
    """Whom it may be shown to."""
    reason: str | None = None
    """One sentence for people; None where it may be shown to everybody."""
    policy_version: str | None = None
    """None where no policy was asked."""
    rule: str | None = None
    score: float | None = None


Judge = Callable[[Sequence[Image.Image]], list[Judgement]]
"""Judges pictures together, in one batch."""
Seal = Callable[[bytes, str, Recipe], bytes]
"""Writes provenance into a file, given its extension and what the picture was drawn from."""


@dataclass(frozen=True)
class StoredPicture:
    """The files of a finished picture and the hash that names them."""

    digest: str
    """blake3 of the PNG file with its recipe, before it was sealed: the same for the same picture
    of the same recipe."""
    files: dict[str, bytes]
    """By extension."""
    width: int
    height: int
    fingerprint: str | None
    """What it looks like, as `safety/fingerprint.py` has it; None where it shows nothing."""


def show_all(images: Sequence[Image.Image]) -> list[Judgement]:
    """Judge nothing: every picture is shown."""
    return [Judgement() for _ in images]


def leave_unsealed(data: bytes, _extension: str, _recipe: Recipe) -> bytes:
    """Write no provenance beyond the recipe."""
    return data


@dataclass(frozen=True)
class PictureSteps:
    """The steps, in order."""

    judge: Judge = field(default=show_all)
    seal: Seal = field(default=leave_unsealed)
    has_mark: bool = False
    """Whether pictures get the invisible mark."""
    tells_prompt: bool = False
    """Whether PNG files carry their recipe, and with it the prompt."""

    def finish(self, image: Image.Image, recipe: Recipe) -> StoredPicture:
        """Return a picture as it is stored; whether it is shown is for `judge` to say."""
        looks = looks_of(image)
        if self.has_mark:
            image, recipe = put_mark(image), replace(recipe, mark=MARK)
        whole = encode_png(image, recipe)
        encoded = {
            "png": whole if self.tells_prompt else without_texts(whole),
            "webp": encode(image, "webp"),
            "jpg": encode(image, "jpg"),
        }
        files = {name: self.seal(data, name, recipe) for name, data in encoded.items()}
        files[RECIPE] = json.dumps(dataclasses.asdict(recipe)).encode()
        return StoredPicture(content_hash(whole), files, image.width, image.height, looks)

    def preview(self, image: Image.Image) -> bytes | None:
        """Return an unfinished picture as WebP; None where it is not for the page of a job."""
        (judgement,) = self.judge([image])
        if judgement.audience < Audience.SHARE_PAGE:
            return None
        return encode(image, "webp")


def looks_of(image: Image.Image) -> str | None:
    """Return the fingerprint of a picture; None where it shows nothing."""
    return fingerprint(image) if has_structure(image) else None


def with_recipe(picture: bytes, recipe: bytes) -> tuple[bytes, Recipe]:
    """Return a stored PNG with what it was drawn from in it, not sealed, as it was drawn.

    Args:
        picture: the PNG file, sealed or not.
        recipe: what is stored beside it.
    """
    known = Recipe(**json.loads(recipe))
    with Image.open(io.BytesIO(picture), formats=["PNG"]) as image:
        return encode_png(image, known), known


def recipe_hash(recipe: Recipe) -> str:
    """Return a hash of what draws a picture, whichever version draws it and however it is marked.

    It is known before the picture is.
    """
    told = dataclasses.asdict(replace(recipe, mark="", software=""))
    return content_hash(json.dumps(told, sort_keys=True).encode())


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
