"""A TrueType font of a few characters, all drawn as the same square, built from nothing.

Format: "OpenType specification" 1.9, tables cmap (subtable format 12), glyf, head, hhea, hmtx, loca
and maxp. Tests use it where the machine's fonts would make their outcome depend on the machine.
"""

import struct
from collections.abc import Iterable

_UNITS = 1000
_SQUARE = ((100, 0), (900, 0), (900, 700), (100, 700))


def build_font(characters: Iterable[str]) -> bytes:
    """Build a font file that has `characters` and nothing else."""
    tables = {
        b"cmap": _cmap(sorted(map(ord, characters))),
        b"glyf": (square := _glyph()),
        b"head": _head(),
        b"hhea": struct.pack(">I3h13H", 0x10000, 800, -200, 0, _UNITS, *[0] * 11, 2),
        b"hmtx": struct.pack(">HhHh", _UNITS, 0, _UNITS, 100),
        b"loca": struct.pack(">3I", 0, 0, len(square)),  # glyph 0, for what is missing, is empty
        b"maxp": struct.pack(">I14H", 0x10000, 2, len(_SQUARE), 1, 0, 0, 2, *[0] * 8),
    }
    header = struct.pack(">I4H", 0x10000, len(tables), 64, 2, 48)
    at = len(header) + 16 * len(tables)
    directory, bodies = b"", b""
    for name, table in tables.items():
        directory += name + struct.pack(">3I", 0, at + len(bodies), len(table))
        bodies += table + bytes(-len(table) % 4)
    return header + directory + bodies


def _cmap(codes: list[int]) -> bytes:
    groups = b"".join(struct.pack(">3I", code, code, 1) for code in codes)
    subtable = struct.pack(">2H3I", 12, 0, 16 + len(groups), 0, len(codes)) + groups
    return struct.pack(">4HI", 0, 1, 3, 10, 12) + subtable


def _glyph() -> bytes:
    body = struct.pack(">5h2H", 1, 100, 0, 900, 700, len(_SQUARE) - 1, 0) + bytes([1] * 4)
    steps = [b - a for axis in (0, 1) for a, b in _steps([point[axis] for point in _SQUARE])]
    body += struct.pack(f">{len(steps)}h", *steps)
    return body + bytes(-len(body) % 4)


def _steps(values: list[int]) -> list[tuple[int, int]]:
    return list(zip([0, *values[:-1]], values, strict=True))


def _head() -> bytes:
    return struct.pack(
        ">4I2H2q4h2H3h",
        *(0x10000, 0x10000, 0, 0x5F0F3CF5, 0, _UNITS, 0, 0, 0, -200, 1000, 800, 0, 8, 2, 1, 0),
    )
