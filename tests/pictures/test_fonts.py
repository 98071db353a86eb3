"""Laws of the choice of fonts: Pillow's own where it can, else the one that lacks the least."""

import sys
from pathlib import Path

import pytest
from PIL import ImageFont

from ninefold.pictures import fonts
from ninefold.pictures.fonts import choose_font, font_folders
from tests.pictures.conftest import ASCII
from tests.pictures.tiny_font import build_font


def choose(text: str) -> tuple[str, str]:
    font, missing = choose_font(frozenset(text), 20)
    name = Path(font.path).name if isinstance(font.path, str | Path) else "own"
    return name, "".join(sorted(missing))


def test_english_is_written_in_pillows_own_font() -> None:
    assert choose(ASCII + " «»“”‘’…°™©") == ("own", "")


def test_the_empty_text_is_written_in_pillows_own_font() -> None:
    assert choose("") == ("own", "")


@pytest.mark.parametrize(
    ("text", "name"), [("a cat قطة", "wide.ttf"), ("שלום", "wide.ttf"), ("猫犬", "signs.otf")]
)
def test_another_font_is_found_for_what_it_covers(text: str, name: str) -> None:
    assert choose(text) == (name, "")


def test_the_font_that_lacks_the_fewest_is_chosen() -> None:
    assert choose("قطة猫") == ("wide.ttf", "猫")


def test_a_font_without_latin_is_not_chosen_where_something_is_missing() -> None:
    assert choose("猫犬鳥") == ("own", "犬猫鳥")


def test_of_equally_poor_fonts_pillows_own_comes_first() -> None:
    assert choose("cat 鳥") == ("own", "鳥")


def test_the_chosen_font_has_the_size_that_was_asked_for() -> None:
    for text in ("a", "ق"):
        font, _ = choose_font(frozenset(text), 31)
        assert font.size == 31


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["Aaa.ttf", "Symbola.ttf", "DejaVuSans.ttf"], "DejaVuSans.ttf"),
        (["Aaa.ttf", "Symbola.ttf"], "Symbola.ttf"),
        (["Aaa-Bold.ttf", "Zzz.TTC", "Bbb.otf"], "Bbb.otf"),
    ],
)
def test_well_known_and_plain_fonts_are_tried_first(
    names: list[str], chosen: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "below").mkdir()
    for name in names:
        (tmp_path / "below" / name).write_bytes(build_font("猫"))
    monkeypatch.setattr(fonts, "font_folders", lambda: (tmp_path,))
    assert choose("猫") == (chosen, "")


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("linux", ["data/fonts", "/usr/local/share/fonts", "/usr/share/fonts", "home/.fonts"]),
        ("darwin", ["/System/Library/Fonts", "/Library/Fonts", "home/Library/Fonts"]),
        ("win32", ["windows/Fonts", "local/Microsoft/Windows/Fonts"]),
    ],
)
def test_each_platform_has_its_folders(
    platform: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("home"))
    monkeypatch.setenv("XDG_DATA_HOME", "data")
    monkeypatch.delenv("XDG_DATA_DIRS", raising=False)
    monkeypatch.setenv("LOCALAPPDATA", "local")
    monkeypatch.setenv("WINDIR", "windows")
    assert font_folders() == tuple(Path(folder) for folder in expected)


def test_whether_letters_can_be_joined_is_what_pillow_lays_out_with(font_folder: Path) -> None:
    font = ImageFont.truetype(font_folder / "wide.ttf", 20)
    assert fonts.can_shape() == (font.layout_engine == ImageFont.Layout.RAQM)


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32", "freebsd14"])
def test_who_has_no_home_has_the_fonts_of_the_machine(
    platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", fail)
    for name in ("XDG_DATA_HOME", "XDG_DATA_DIRS", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    folders = font_folders()
    assert folders
    assert all(folder.is_absolute() or platform == "win32" for folder in folders)
