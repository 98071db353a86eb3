"""The font that can write a text: the one that Pillow carries, or one that this machine has.

Pillow's own font (a part of Aileron, by Sora Sagano, CC0: ASCII and a few signs) looks the same
everywhere, so it is used whenever it has every character. Otherwise the usual font folders of the
platform are searched; nothing is downloaded. Knows nothing of lines, directions or pictures.
"""

import os
import sys
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

from PIL import ImageFont, features

from ninefold.home import home_folder

Font = ImageFont.FreeTypeFont

_PREFERRED = (
    "DejaVuSans",
    "NotoSans-Regular",
    "Arial Unicode",
    "segoeui",
    "NotoSansCJK-Regular",
    "Hiragino Sans GB",
    "PingFang",
    "YuGothM",
    "msyh",
    "malgun",
    "AppleSDGothicNeo",
    "NotoSansArabic-Regular",
    "GeezaPro",
    "NotoSansHebrew-Regular",
    "NotoSansDevanagari-Regular",
    "Nirmala",
    "Symbola",
    "seguiemj",
)
"""File names, without their extension, that are tried before others: wide and plain ones."""

_STYLED = ("bold", "italic", "oblique", "mono", "serif", "condensed", "light", "black", "thin")
_MAX_TRIED = 300  # fonts that are opened for one text; a designer's machine has thousands
_PROBE_SIZE = 24
_ASCII = frozenset(map(chr, range(33, 127)))
_NONCHARACTER = "\U0010ffff"  # never in a font, so it is drawn as the font's sign for "missing"


def can_shape() -> bool:
    """Whether this Pillow orders and joins letters (libraqm with FriBiDi), as Arabic needs."""
    return bool(features.check("raqm"))


def choose_font(characters: frozenset[str], size: int) -> tuple[Font, frozenset[str]]:
    """Choose the font that lacks the fewest of `characters`.

    Args:
        characters: what will be written. Marks that draw nothing are best left out.
        size: in pixels.

    Returns:
        The font, and the characters that it lacks; if there are any, it has all of ASCII, so that
        something can stand for them. Of fonts that lack equally many, Pillow's own comes first,
        then well-known wide ones.
    """
    path, missing = _choose(characters, font_folders())
    return (_own_font(size) if path is None else ImageFont.truetype(path, size)), missing


_OWN_FOLDERS = {
    "win32": ("AppData/Local/Microsoft/Windows/Fonts",),
    "darwin": ("Library/Fonts",),
    "linux": (".local/share/fonts", ".fonts"),
}
"""Where a user's own fonts lie below the home, on platforms other than these as on Linux."""


def font_folders() -> tuple[Path, ...]:
    """Where fonts lie on this platform; not all of the folders need exist."""
    home = home_folder()
    own = () if home is None else tuple(home / name for name in _OWN_FOLDERS[_platform()])
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        own = own if local is None else (Path(local) / "Microsoft" / "Windows" / "Fonts",)
        return Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts", *own
    if sys.platform == "darwin":
        return Path("/System/Library/Fonts"), Path("/Library/Fonts"), *own
    data_home = os.environ.get("XDG_DATA_HOME")
    own_data = own[:1] if not data_home else (Path(data_home, "fonts"),)
    data = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    shared = [Path(folder, "fonts") for folder in data.split(":") if folder]
    return *own_data, *shared, *own[1:]


def _platform() -> str:
    return sys.platform if sys.platform in _OWN_FOLDERS else "linux"


@lru_cache(maxsize=256)
def _choose(
    characters: frozenset[str], folders: tuple[Path, ...]
) -> tuple[Path | None, frozenset[str]]:
    best: Path | None = None
    missing = _missing(_probe(_own_font(_PROBE_SIZE)), characters)
    for path in _font_files(folders)[:_MAX_TRIED] if missing else ():
        try:
            font = _probe(ImageFont.truetype(path, _PROBE_SIZE))
            lacking = _missing(font, characters)
            if lacking and _missing(font, _ASCII):
                continue
        except OSError:  # damaged, or one of bitmaps (colour emoji) that has not this size
            continue
        if len(lacking) < len(missing):
            best, missing = path, lacking
        if not missing:
            break
    return best, missing


def _own_font(size: int) -> Font:
    font = ImageFont.load_default(size)
    assert isinstance(font, Font), "Pillow was built without FreeType"
    return font


def _probe(font: Font) -> Font:
    # The basic layout looks up one glyph a character and adds nothing of its own.
    return font.font_variant(layout_engine=ImageFont.Layout.BASIC)


def _missing(font: Font, characters: frozenset[str]) -> frozenset[str]:
    absent = _look(font, _NONCHARACTER)
    return frozenset(c for c in characters if c != " " and _look(font, c) == absent)


def _look(font: Font, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character, mode="L")
    return mask.size, bytes(mask)


@cache
def _font_files(folders: tuple[Path, ...]) -> list[Path]:
    """Every font file in the folders, the most promising first, otherwise in order of name."""
    found = [path for folder in folders for path in _files_below(folder)]
    return sorted(set(found), key=_promise)


def _promise(path: Path) -> tuple[int, bool, str]:
    stem = path.stem
    place = _PREFERRED.index(stem) if stem in _PREFERRED else len(_PREFERRED)
    return place, any(style in stem.lower() for style in _STYLED), str(path)


def _files_below(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        for name in names:
            if name.lower().endswith((".ttf", ".otf", ".ttc")):
                yield Path(root, name)
