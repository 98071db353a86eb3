"""What can be known of a picture's file: where it says it is from, and whether that holds.

Any file may come in; sizes are bounded before anything is unpacked, nothing is fetched, and every
text that comes out is a stranger's. Knows nothing of how findings are shown.
"""

import io
from dataclasses import dataclass
from typing import Any

from PIL import Image

from ninefold.errors import UserError
from ninefold.file_kinds import LFS_POINTER, is_lfs_pointer
from ninefold.pictures.decoding import DecodingError, decoding, scale_16_bits
from ninefold.pictures.png import SIGNATURE, Recipe, parse_recipe
from ninefold.safety.fingerprint import fingerprint
from ninefold.safety.mark import has_mark
from ninefold.safety.provenance import Manifest, MediaType, read_manifest

MAX_PIXELS = 64 * 2**20
"""Most pixels of a picture that is unpacked."""

_FORMATS: dict[MediaType, str] = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/webp": "WEBP",
}


@dataclass(frozen=True)
class Inspection:
    """All that a picture's file tells."""

    media_type: MediaType
    size: tuple[int, int] | None
    """Width and height in pixels; None where the file is too damaged to tell."""
    recipe: Recipe | None
    recipe_problem: str | None
    """Why there is no recipe, in a sentence; None where there is one."""
    manifest: Manifest | None
    is_marked: bool
    fingerprint: str | None
    """None where the pixels cannot be read."""
    contradictions: tuple[str, ...]
    """What the file says in one place and denies in another, one sentence each."""

    @property
    def is_tampered_with(self) -> bool:
        """Whether something in the file shows that it is not as it was signed."""
        broken = self.manifest is not None and self.manifest.state == "broken"
        return broken or bool(self.contradictions)

    def document(self) -> dict[str, Any]:
        """Return the findings as plain values, for JSON."""
        recipe, manifest = self.recipe, self.manifest
        return {
            "media_type": self.media_type,
            "size": self.size and list(self.size),
            "tampered_with": self.is_tampered_with,
            "contradictions": list(self.contradictions),
            "content_credentials": manifest and _manifest_document(manifest),
            "recipe": recipe and {**vars(recipe), "settings": dict(recipe.settings)},
            "mark": self.is_marked,
            "fingerprint": self.fingerprint,
        }


def inspect_picture(data: bytes, name: str, trusted_roots: bytes | None = None) -> Inspection:
    """Return what the bytes of a picture's file tell.

    Args:
        data: the file.
        name: what messages call it.
        trusted_roots: certificates in PEM of signers that are trusted.

    Raises:
        UserError: it is no PNG, JPEG or WebP, or unpacks to too many pixels.
    """
    media_type = _media_type(data, name)
    image = _open(data, _FORMATS[media_type], name)
    recipe, problem = _recipe(data, name)
    manifest = read_manifest(data, media_type, trusted_roots)
    pixels = None if image is None else _pixels(image)
    return Inspection(
        media_type=media_type,
        size=None if image is None else image.size,
        recipe=recipe,
        recipe_problem=problem,
        manifest=manifest,
        is_marked=pixels is not None and has_mark(pixels),
        fingerprint=None if pixels is None else fingerprint(pixels),
        contradictions=tuple(_contradictions(recipe, manifest)),
    )


def _media_type(data: bytes, name: str) -> MediaType:
    """Tell by its first bytes what a file is meant to be, however damaged the rest is."""
    if data.startswith(SIGNATURE):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    if is_lfs_pointer(data):
        raise UserError(f"{name!r} cannot be read: {LFS_POINTER} in its clone.")
    raise UserError(f"{name!r} is not a PNG, JPEG or WebP picture.")


def _open(data: bytes, kind: str, name: str) -> Image.Image | None:
    try:
        with decoding():
            image = Image.open(io.BytesIO(data), formats=[kind])
    except DecodingError as error:
        if isinstance(error.__cause__, Image.DecompressionBombError):
            raise _too_large(name) from None
        return None
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(name)
    return image


def _too_large(name: str) -> UserError:
    return UserError(f"{name!r} has more than {MAX_PIXELS:,} pixels; make it smaller.")


def _pixels(image: Image.Image) -> Image.Image | None:
    try:
        with decoding():
            whole = scale_16_bits(image) if image.mode.startswith("I") else image
            return whole.convert("RGB")
    except DecodingError:
        return None


def _recipe(data: bytes, name: str) -> tuple[Recipe | None, str | None]:
    try:
        return parse_recipe(data, name), None
    except UserError as error:
        return None, str(error)


def _contradictions(recipe: Recipe | None, manifest: Manifest | None) -> list[str]:
    """Compare what text and manifest say; a manifest that is broken says nothing."""
    if recipe is None or manifest is None or manifest.state == "broken":
        return []
    origin = manifest.origin
    if origin is None:
        return ["It carries a recipe of Ninefold's, but Content Credentials of another kind."]
    if (origin.model, origin.model_sha256) != (recipe.model, recipe.model_sha256):
        return ["Its recipe and its Content Credentials name different models."]
    return []


def _manifest_document(manifest: Manifest) -> dict[str, Any]:
    return {
        "state": manifest.state,
        "problems": list(manifest.problems),
        "signer": manifest.signer,
        "generator": manifest.generator,
        "digital_source_type": manifest.digital_source_type,
        "is_generated": manifest.is_generated,
        "origin": manifest.origin and vars(manifest.origin),
    }
