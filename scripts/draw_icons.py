"""Draws the page's icons as PNG from its mark, and the card that links to the site are shown with.

Run it after `mark.svg` changed: `python scripts/draw_icons.py` (needs `pip install '.[train]'`).
"""

import re
from pathlib import Path

import resvg_py

STATIC = Path(__file__).parent.parent / "src" / "ninefold" / "web" / "static"
PAPER = "#fdfbfa"
INK = "#24172f"


def main() -> None:
    """Write icon-192.png, icon-512.png, icon-maskable.png and card.png."""
    mark = (STATIC / "mark.svg").read_text(encoding="utf-8")
    drawing = re.sub(r"</?svg[^>]*>", "", mark)
    write("card.png", card(drawing), 1200, 630)
    # Systems cut maskable icons to any shape within the inner four fifths.
    for name, size, zoom in (
        ("icon-192", 192, 0.86),
        ("icon-512", 512, 0.86),
        ("icon-maskable", 512, 0.6),
    ):
        margin = 24 * (1 - zoom)
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48">'
            f'<rect width="48" height="48" fill="{PAPER}"/>'
            f'<g transform="translate({margin} {margin}) scale({zoom})">{drawing}</g></svg>'
        )
        write(f"{name}.png", svg, size, size)


def card(drawing: str) -> str:
    """Return a picture of 1200 by 630 with the mark and what the site is about."""
    lines = ("Any prompt,", "nine pictures.")
    text = "".join(
        f'<text x="80" y="{300 + 100 * row}" font-size="88" font-weight="800" fill="{INK}" '
        f'letter-spacing="-3" font-family="Noto Sans, DejaVu Sans, sans-serif">{line}</text>'
        for row, line in enumerate(lines)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 630">'
        f'<rect width="1200" height="630" fill="{PAPER}"/>{text}'
        f'<g transform="translate(745 120) scale(8.125)">{drawing}</g></svg>'
    )


def write(name: str, svg: str, width: int, height: int) -> None:
    """Draw an SVG into a file of the page."""
    picture = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=width, height=height))
    (STATIC / name).write_bytes(picture)
    print(f"{name}: {len(picture)} bytes")


if __name__ == "__main__":
    main()
