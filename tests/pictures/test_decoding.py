"""Foreign pictures: five formats, colours as they are meant, one kind of error for the rest."""

import io
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from ninefold.pictures.decoding import DecodingError, decode_picture

ORIENTATION, MAKE, RESOLUTION = 0x0112, 0x010F, 0x011A
ASCII, SHORT, LONG, RATIONAL, UNDEFINED, DOUBLE = 2, 3, 4, 5, 7, 12


def chunk(kind: bytes, content: bytes) -> bytes:
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def raw_png(bits: int, colour: int, *pixels: int, extra: bytes = b"") -> bytes:
    """A PNG of one row, as no writer of Pillow's would write it."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    width = len(pixels) // samples
    if bits == 16:
        row = struct.pack(f">{len(pixels)}H", *pixels)
    else:
        text = "".join(f"{pixel:0{bits}b}" for pixel in pixels)
        row = int(text.ljust(-len(text) // 8 * -8, "0"), 2).to_bytes(-(-len(text) // 8), "big")
    header = struct.pack(">IIBBBBB", width, 1, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [
            chunk(b"IHDR", header),
            extra,
            chunk(b"IDAT", zlib.compress(b"\0" + row)),
            chunk(b"IEND", b""),
        ]
    )


def file(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    saved = io.BytesIO()
    image.save(saved, kind, **options)
    return saved.getvalue()


def pixels(data: bytes) -> list[list[int]]:
    return [list(pixel) for pixel in np.asarray(decode_picture(data).image)[0].tolist()]


def exif(*entries: tuple[int, int, int, bytes], order: str = "<") -> bytes:
    """An EXIF block of entries as they are given, however wrong: tag, type, count, value."""
    block = struct.pack(f"{order}2sHIH", b"II" if order == "<" else b"MM", 42, 8, len(entries))
    for tag, kind, count, value in entries:
        block += struct.pack(f"{order}HHI4s", tag, kind, count, value)
    return b"Exif\0\0" + block + bytes(4)


def turned(order: str = "<", value: int = 6) -> tuple[int, int, int, bytes]:
    return (ORIENTATION, SHORT, 1, struct.pack(f"{order}HH", value, 0))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_five_formats_are_decoded_whatever_they_are_called(kind: str) -> None:
    decoded = decode_picture(file(Image.new("RGB", (8, 6), "white"), kind))
    assert (decoded.image.mode, decoded.image.size) == ("RGBA", (8, 6))
    assert decoded.remarks == ()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "it is PostScript, not JPEG"),
        (b"\xc5\xd0\xd3\xc6" + bytes(40), "it is PostScript"),
        (b"%PDF-1.7", "it is PDF"),
        (b"II*\0" + bytes(40), "it is TIFF"),
        (b"MM\0*" + bytes(40), "it is TIFF"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "it is HEIC"),
        (b"\0\0\0\x18ftypavif" + bytes(40), "it is AVIF"),
        (b"<?xml version='1.0'?>\n<svg/>", "it is SVG"),
        (b"<!DOCTYPE html><title>404</title>", "it is a web page"),
        (b"PK\x03\x04", "it is a zip archive"),
        (b"P6 2 2 255\n" + bytes(12), "it is a portable pixmap"),
        (b"8BPS", "it is a Photoshop document"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git-LFS pointer"),
        (b"", "it is an empty file"),
        (b"damaged", "it is no picture that can be read"),
        (b"\xff\xd8\xff\xe0", "it is a damaged JPEG file"),
        (b"GIF89a", "it is a damaged GIF file"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "it is a damaged WebP file"),
    ],
)
def test_what_is_none_of_them_is_called_what_it_is(data: bytes, reason: str) -> None:
    with pytest.raises(DecodingError, match=reason):
        decode_picture(data)


def test_no_format_starts_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for start in (b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\xc5\xd0\xd3\xc6"):
        with pytest.raises(DecodingError):
            decode_picture(start + b"%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    assert not (tmp_path / "started").exists()


GREY_16 = raw_png(16, 0, 0, 16448, 32768, 65535)


def test_sixteen_bits_are_scaled_and_not_cut_off() -> None:
    assert [p[0] for p in pixels(GREY_16)] == [0, 64, 128, 255]
    assert pixels(raw_png(16, 2, 0, 32768, 65535)) == [[0, 128, 255, 255]]
    assert pixels(raw_png(16, 4, 32768, 65535, 0, 32768)) == [[128] * 3 + [255], [0, 0, 0, 128]]
    assert pixels(raw_png(16, 6, 65535, 0, 0, 32768)) == [[255, 0, 0, 128]]


@pytest.mark.parametrize(
    ("data", "alphas"),
    [
        (raw_png(16, 0, 7, 65535, extra=chunk(b"tRNS", b"\0\x07")), [0, 255]),
        (raw_png(16, 2, 9, 9, 9, 900, 9, 9, extra=chunk(b"tRNS", b"\0\x09" * 3)), [0, 255]),
        (raw_png(8, 0, 7, 9, extra=chunk(b"tRNS", b"\0\x07")), [0, 255]),
        (raw_png(4, 0, 7, 9, extra=chunk(b"tRNS", b"\0\x07")), [0, 255]),
        (raw_png(2, 0, 1, 2, extra=chunk(b"tRNS", b"\0\x01")), [0, 255]),
        (raw_png(1, 0, 0, 1, extra=chunk(b"tRNS", b"\0\x00")), [0, 255]),
        (raw_png(1, 3, 0, 1, extra=chunk(b"PLTE", bytes(6)) + chunk(b"tRNS", b"\x50")), [80, 255]),
    ],
)
def test_a_transparent_colour_is_transparent_at_any_depth(data: bytes, alphas: list[int]) -> None:
    assert [pixel[3] for pixel in pixels(data)] == alphas


def test_inks_and_greys_are_colours() -> None:
    red = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    assert pixels(file(red, "JPEG", quality=95))[0][:2] == [255, 0]
    assert pixels(file(Image.new("L", (8, 8), 90), "JPEG"))[0] == [90, 90, 90, 255]
    assert pixels(file(Image.new("1", (8, 8), 1)))[0] == [255] * 4
    assert pixels(file(Image.new("LA", (8, 8), (90, 40))))[0] == [90, 90, 90, 40]


def test_a_colour_profile_is_followed_and_alpha_kept() -> None:
    swapped = ImageCms.createProfile("sRGB")
    same = ImageCms.ImageCmsProfile(swapped).tobytes()
    picture = Image.new("RGBA", (2, 2), (200, 30, 90, 77))
    assert pixels(file(picture, icc_profile=same))[0] == [200, 30, 90, 77]
    # Red and blue change places in a profile whose primaries do.
    names = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}
    profile = bytearray(same)
    for number in range(int.from_bytes(same[128:132], "big")):
        place = 132 + 12 * number
        profile[place : place + 4] = names.get(same[place : place + 4], same[place : place + 4])
    red, _, blue, alpha = pixels(file(picture, icc_profile=bytes(profile)))[0]
    assert (abs(red - 90) < 3, abs(blue - 200) < 3, alpha) == (True, True, 77)


def test_a_profile_that_cannot_be_used_is_remarked() -> None:
    decoded = decode_picture(file(Image.new("RGB", (2, 2), "red"), icc_profile=b"rubbish"))
    assert "colour profile cannot be used" in decoded.remarks[0]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_used_and_that_is_remarked(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime")]
    data = file(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
    decoded = decode_picture(data)
    assert np.asarray(decoded.image)[0, 0].tolist() == [255, 0, 0, 255]
    assert decoded.remarks == ("only the first of its 3 frames is used",)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "odd",
    [
        (MAKE, DOUBLE, 1, bytes(4)),
        (MAKE, LONG, 1, b"\1\0\0\0"),
        (RESOLUTION, ASCII, 3, b"72\0\0"),
        (RESOLUTION, RATIONAL, 1, b"\xff\xff\xff\xff"),
        (0x8769, ASCII, 4, b"abc\0"),
        (0x8825, LONG, 1, b"\xff\xff\xff\x7f"),
        (0x9286, 99, 0xFFFFFFFF, b"\xff" * 4),
        (0xFFFF, 0, 0, bytes(4)),
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_picture_is_turned_whatever_stands_beside_its_orientation(
    kind: str, odd: tuple[int, int, int, bytes], order: str
) -> None:
    for entries in ([odd, turned(order)], [turned(order), odd]):
        data = file(Image.new("RGB", (8, 6)), kind, exif=exif(*entries, order=order))
        assert decode_picture(data).image.size == (6, 8)


@pytest.mark.parametrize(
    ("entry", "is_turned"),
    [
        ((ORIENTATION, LONG, 1, b"\6\0\0\0"), True),
        ((ORIENTATION, 1, 1, b"\6\0\0\0"), True),
        ((ORIENTATION, ASCII, 2, b"6\0\0\0"), True),
        ((ORIENTATION, UNDEFINED, 1, b"6\0\0\0"), True),
        ((ORIENTATION, SHORT, 1, b"\x09\0\0\0"), False),
        ((ORIENTATION, SHORT, 1, b"\0\0\0\0"), False),
        ((ORIENTATION, RATIONAL, 1, b"\xff\xff\xff\xff"), False),
        ((ORIENTATION, ASCII, 9, b"\xff\xff\xff\xff"), False),
    ],
)
def test_an_orientation_of_another_type_is_understood_or_none(
    entry: tuple[int, int, int, bytes], is_turned: bool
) -> None:
    data = file(Image.new("RGB", (8, 6)), "JPEG", exif=exif(entry))
    assert decode_picture(data).image.size == ((6, 8) if is_turned else (8, 6))


@pytest.mark.parametrize("value", range(1, 9))
def test_every_turn_is_undone(value: int) -> None:
    picture = Image.new("RGB", (24, 16), "white")
    picture.paste("black", (0, 0, 8, 8))  # top left, in all pictures once they are upright
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = picture if value == 1 else picture.transpose(Image.Transpose(back[value]))
    shown = decode_picture(file(stored, exif=exif(turned(value=value)))).image
    assert shown.size == (24, 16)
    assert np.array_equal(np.asarray(shown.convert("RGB")), np.asarray(picture))


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_unpacked() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))
    with pytest.raises(DecodingError, match="more than 134,217,728 pixels"):
        decode_picture(data)


SEEDS = (
    [
        file(Image.effect_noise((24, 16), 90).convert("RGB"), kind, exif=exif(turned()))
        for kind in ("JPEG", "PNG", "WEBP")
    ]
    + [file(Image.effect_noise((24, 16), 90), kind) for kind in ("GIF", "BMP")]
    + [GREY_16]
)


@given(st.sampled_from(SEEDS), st.integers(0, 2**32))
def test_a_damaged_picture_is_decoded_or_refused_with_a_reason(seed: bytes, number: int) -> None:
    draw, data = random.Random(number), bytearray(seed)
    for _ in range(draw.choice([1, 2, 8, 40])):
        data[draw.randrange(len(data))] = draw.choice([0, 0xFF, draw.randrange(256)])
    if draw.random() < 0.3:
        del data[draw.randrange(len(data)) :]
    try:
        decoded = decode_picture(bytes(data))
    except DecodingError:
        return
    assert decoded.image.mode == "RGBA"
