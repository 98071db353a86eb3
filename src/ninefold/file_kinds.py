"""What a file is by its first bytes, whatever its name says; for messages of why it is not read.

Knows nothing of how any of them is decoded.
"""

import re
from pathlib import Path

from ninefold.errors import UserError

LFS_POINTER = "it is a Git-LFS pointer, not the file itself; run `git lfs pull`"
"""Reason why what Git LFS left in a clone without the file is not read."""

_KINDS: tuple[tuple[bytes, str], ...] = (
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"RIFF.{4}WEBP", "WebP"),
    (rb"GIF8[79]a", "GIF"),
    (rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0{3}", "BMP"),
    (rb"(II\*\0|MM\0\*|II\+\0|MM\0\+)", "TIFF"),
    (rb".{4}ftyp(hei|hev|mif1|msf1)", "HEIC"),
    (rb".{4}ftypavi[fs]", "AVIF"),
    (rb".{4}ftyp", "a film"),
    (rb"(\xff\x0a|\0{3}\x0cJXL )", "JPEG XL"),
    (rb"(\0{3}\x0cjP  |\xff\x4f\xff\x51)", "JPEG 2000"),
    (rb"8BPS", "a Photoshop document"),
    (rb"(%!PS|\xc5\xd0\xd3\xc6)", "PostScript"),
    (rb"%PDF", "PDF"),
    (rb"\0\0[\x01\x02]\0", "an icon"),
    (rb"P[1-7]\s", "a portable pixmap"),
    (rb"PK\x03\x04", "a zip archive"),
    (rb"\x1f\x8b", "gzip"),
    (rb"(BZh|\xfd7zXZ|7z\xbc\xaf|Rar!|\x28\xb5\x2f\xfd)", "an archive"),
    (rb".{257}ustar", "a tar archive"),
    (rb"PAR1", "Parquet"),
    (rb"\s*(?i:<!doctype html|<html)", "a web page"),
    (rb"\s*(?i:<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?(<!DOCTYPE svg[^>]*>\s*)?<svg", "SVG"),
)
_PATTERNS = tuple((re.compile(pattern, re.DOTALL), kind) for pattern, kind in _KINDS)
_LFS = re.compile(rb"version https?://(git-lfs\.github\.com|hawser\.github\.com)/spec/")
HEAD_BYTES = 512
"""As many first bytes tell what a file is."""


def is_lfs_pointer(head: bytes) -> bool:
    """Say whether a file that begins so is what Git LFS leaves where a large file belongs."""
    return _LFS.match(head) is not None


def refuse_lfs_pointer(path: Path) -> None:
    """Refuse a file that is what Git LFS leaves in a clone; one that cannot be opened passes.

    Raises:
        UserError: it is such a pointer.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return
    if is_lfs_pointer(head):
        raise UserError(f"{path} cannot be read: {LFS_POINTER} in its clone.")


def kind_of(head: bytes) -> str | None:
    """Return what a file is that begins with `head`, as a noun; None where that is not known."""
    head = head[:HEAD_BYTES]
    return next((kind for pattern, kind in _PATTERNS if pattern.match(head)), None)
