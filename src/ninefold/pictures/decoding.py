"""Foreign pictures, decoded at one boundary: only five formats, and one kind of error.

Decoders of files that anybody made raise anything, so whatever they raise is caught here and
becomes a `DecodingError` with a reason. Nothing is altered in silence: 16 bits are scaled to 8,
colours are brought to sRGB, the picture is turned as its camera says, and what is lost is remarked.
Knows nothing of where the bytes came from.
"""

import io
import re
import struct
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageCms

from ninefold.errors import NinefoldError
from ninefold.file_kinds import LFS_POINTER, is_lfs_pointer, kind_of

FORMATS: Mapping[str, str] = MappingProxyType(
    {"JPEG": "JPEG", "PNG": "PNG", "WebP": "WEBP", "GIF": "GIF", "BMP": "BMP"}
)
"""Kinds of files that are decoded, by what `file_kinds` and what Pillow call them. Others are not:
PostScript, for one, is a program that Pillow would have run."""
MAX_PIXELS = 128 * 2**20
"""Most pixels of a picture that is unpacked."""

_ORIENTATION = 0x0112
_TURNS: Mapping[int, Image.Transpose] = MappingProxyType(
    {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
)
_PROFILE_MODES = {"RGB ": "RGB", "CMYK": "CMYK", "GRAY": "L"}
"""Colour space of an ICC profile to the mode of the pictures that it describes."""


class DecodingError(NinefoldError):
    """A picture cannot be decoded; the message is the reason, without the picture's name."""


@dataclass(frozen=True)
class DecodedPicture:
    """A picture that somebody made, as it is meant to be seen."""

    image: Image.Image
    """RGBA in sRGB, upright."""
    remarks: tuple[str, ...] = ()
    """What of the file is not in `image`, a sentence's end each: "only ... is used"."""


def decode_picture(data: bytes) -> DecodedPicture:
    """Decode a JPEG, PNG, WebP, GIF or BMP file.

    Raises:
        DecodingError: it is none of them, is damaged, or has more than `MAX_PIXELS` pixels.
    """
    kind = kind_of(data)
    if kind is None or kind not in FORMATS:
        raise DecodingError(_why_not(data, kind))
    with decoding(f"it is a damaged {kind} file"), open_picture(data, [FORMATS[kind]]) as image:
        _scale_key(image)
        remarks = []
        num_frames = getattr(image, "n_frames", 1)
        # A second picture in a JPEG is a camera's preview or depth, no frame of an animation.
        if num_frames > 1 and kind != "JPEG":
            remarks.append(f"only the first of its {num_frames} frames is used")
        orientation = read_orientation(image)
        rgba, has_profile = _to_rgba(image)
        if not has_profile:
            remarks.append("its colour profile cannot be used; its colours are taken as sRGB")
        turn = _TURNS.get(orientation)
        return DecodedPicture(rgba if turn is None else rgba.transpose(turn), tuple(remarks))


@contextmanager
def decoding(reason: str = "it is no picture that can be read") -> Iterator[None]:
    """Turn whatever a decoder raises in this block into a `DecodingError`, and silence warnings.

    Args:
        reason: what the error says, unless it is a matter of size.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DecodingError:
        raise
    except Image.DecompressionBombError as error:
        raise DecodingError(_too_large()) from error
    except MemoryError:
        raise DecodingError("it is too large for the memory of this machine") from None
    except Exception as error:  # decoders of foreign files raise anything
        raise DecodingError(reason) from error


def open_picture(data: bytes, formats: Collection[str]) -> Image.Image:
    """Read a picture's header, inside a `decoding` block.

    Args:
        data: the file.
        formats: Pillow's names of the formats that it may be of.

    Raises:
        DecodingError: it has more than `MAX_PIXELS` pixels.
    """
    image = Image.open(io.BytesIO(data), formats=list(formats))
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise DecodingError(_too_large())
    return image


def read_orientation(image: Image.Image) -> int:
    """Return how a camera says that a picture is turned, 1 to 8; 1 where it says nothing usable.

    Other entries of the EXIF block are not looked at: cameras and programs write what they like.
    """
    block = image.info.get("exif")
    found = _orientation_of(block) if isinstance(block, bytes) else None
    if found is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = _whole_number(image.getexif().get(_ORIENTATION))
            except Exception:  # as above; an unreadable block says nothing
                found = None
    return found if found is not None and 1 <= found <= 8 else 1


def _orientation_of(block: bytes) -> int | None:
    """Look an orientation up in the first directory of an EXIF block, whatever else is there."""
    tiff = re.sub(rb"^(Exif\0\0){1,2}", b"", block)
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 10:
        return None
    (start,) = struct.unpack_from(f"{order}I", tiff, 4)
    if start + 2 > len(tiff):
        return None
    (count,) = struct.unpack_from(f"{order}H", tiff, start)
    for entry in range(start + 2, min(start + 2 + 12 * count, len(tiff) - 11), 12):
        tag, kind = struct.unpack_from(f"{order}HH", tiff, entry)
        if tag == _ORIENTATION:
            size = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}.get(kind)
            if size is None:
                text = tiff[entry + 8 : entry + 12].split(b"\0")[0].strip()
                return int(text) if kind in (2, 7) and text.isdigit() else None
            return int(struct.unpack_from(f"{order}{size}", tiff, entry + 8)[0])
    return None


def _whole_number(value: object) -> int | None:
    if isinstance(value, tuple) and value:
        value = value[0]
    return int(value) if isinstance(value, int | float | str | bytes) else None


def _to_rgba(image: Image.Image) -> tuple[Image.Image, bool]:
    """Return a picture as RGBA in sRGB, and whether its profile, if it has one, could be used."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):
        image = scale_16_bits(image)
    if not profile:
        return image.convert("RGBA"), True
    try:
        return _to_srgb(image, profile), True
    except Exception:  # profiles are foreign too
        return image.convert("RGBA"), False


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Bring the colours that an ICC profile describes to sRGB; alpha stays as it is."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    mode = _PROFILE_MODES[source.profile.xcolor_space]
    rgba = image.convert("RGBA")
    colours = image if image.mode == mode else rgba.convert(mode) if mode != "CMYK" else None
    if colours is None:
        raise ValueError("a profile for ink, and colours of light")
    made = ImageCms.profileToProfile(
        colours, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    if made is None:
        raise ValueError("no colours came back")
    made = made.convert("RGBA")
    made.putalpha(rgba.getchannel("A"))
    return made


def scale_16_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8, as RGBA; Pillow's own conversion makes all above 255 white.

    Raises:
        DecodingError: it has values of more than 16 bits.
    """
    values = np.asarray(image).astype(np.int64)
    if values.min(initial=0) < 0 or values.max(initial=0) > 65535:
        raise DecodingError("its values do not fit 16 bits; save it with 8 or 16 bits")
    grey = ((values * 255 + 32767) // 65535).astype(np.uint8)
    key = image.info.get("transparency")
    alpha = np.where(values == key, 0, 255) if isinstance(key, int) else np.full_like(values, 255)
    return Image.fromarray(np.dstack([grey, grey, grey, alpha.astype(np.uint8)]))


def _scale_key(image: Image.Image) -> None:
    """Bring the transparent colour of a PNG to the 8 bits that its pixels are read in."""
    key, raw_mode = image.info.get("transparency"), str(getattr(image, "tile", None))
    if isinstance(key, tuple) and ";16B" in raw_mode:
        image.info["transparency"] = tuple(value >> 8 for value in key)
    for bits, name in ((2, "'L;2'"), (4, "'L;4'")):
        if isinstance(key, int) and name in raw_mode:
            image.info["transparency"] = key * 255 // (2**bits - 1)


def _why_not(data: bytes, kind: str | None) -> str:
    if not data:
        return "it is an empty file"
    if is_lfs_pointer(data):
        return LFS_POINTER
    if kind is None:
        return "it is no picture that can be read"
    names = list(FORMATS)
    return f"it is {kind}, not {', '.join(names[:-1])} or {names[-1]}"


def _too_large() -> str:
    return f"it has more than {MAX_PIXELS:,} pixels; make it smaller"
