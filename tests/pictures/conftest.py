"""The fonts of these tests: Pillow's own, and tiny ones in place of the machine's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ninefold.pictures import fonts
from tests.pictures.tiny_font import build_font

ASCII = "".join(map(chr, range(33, 127)))


@pytest.fixture(scope="module", autouse=True)
def font_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Search a folder that has fonts for Arabic with Latin, and for two signs alone."""
    folder = tmp_path_factory.mktemp("fonts")
    (folder / "wide.ttf").write_bytes(build_font(ASCII + "قطة" + "שלום" + "क\u093e"))
    (folder / "signs.otf").write_bytes(build_font("猫犬"))
    (folder / "damaged.ttf").write_bytes(b"no font")
    (folder / "readme.txt").write_text("not a font either")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fonts, "font_folders", lambda: (folder, folder / "absent"))
        yield folder
