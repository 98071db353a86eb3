"""Each drawing has a folder of its own, and whether it can have one is known beforehand."""

from pathlib import Path

import pytest
from PIL import Image

from ninefold.cli.draw_files import prepared_folder, save_drawing
from ninefold.errors import UserError
from ninefold.pictures.png import Recipe, read_recipe

PICTURE = Image.new("RGB", (8, 8), (200, 30, 30))


def recipe(prompt: str, index: int) -> Recipe:
    return Recipe(prompt, 7, index, {"top_k": 50}, "tiny", "00" * 32, "ninefold 0.1.0")


def test_pictures_are_numbered_in_their_order_beside_the_grid(tmp_path: Path) -> None:
    pictures = [(PICTURE, recipe("a red apple", index)) for index in (4, 0)]
    saved = save_drawing(tmp_path, pictures, PICTURE)
    assert saved.folder == tmp_path / "a-red-apple"
    assert [path.name for path in saved.pictures] == ["a-red-apple-1.png", "a-red-apple-2.png"]
    assert [read_recipe(path).index for path in saved.pictures] == [4, 0]
    assert saved.grid == saved.folder / "grid.png"
    assert len(list(saved.folder.iterdir())) == 3


def test_the_same_prompt_again_gets_another_folder(tmp_path: Path) -> None:
    pictures = [(PICTURE, recipe("a red apple", 0))]
    folders = [save_drawing(tmp_path, pictures, None).folder.name for _ in range(2)]
    assert folders == ["a-red-apple", "a-red-apple-2"]
    assert not list(tmp_path.rglob("grid.png"))


def test_preparing_makes_the_folder_and_leaves_nothing_in_it(tmp_path: Path) -> None:
    out = tmp_path / "new" / "pictures"
    for _ in range(2):
        with prepared_folder(out):
            assert list(out.iterdir()) == []


def test_a_folder_that_was_made_for_nothing_is_removed(tmp_path: Path) -> None:
    for out, is_kept in ((tmp_path / "new", False), (tmp_path, True)):
        with pytest.raises(KeyboardInterrupt), prepared_folder(out):
            raise KeyboardInterrupt
        assert out.exists() == is_kept


def test_a_folder_that_was_made_stays_with_what_is_in_it(tmp_path: Path) -> None:
    out = tmp_path / "new"
    with pytest.raises(KeyboardInterrupt), prepared_folder(out):
        raise KeyboardInterrupt(save_drawing(out, [(PICTURE, recipe("a", 0))], None))
    assert (out / "a" / "a-1.png").is_file()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for out in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(UserError, match="choose another folder"), prepared_folder(out):
            pytest.fail("It cannot be written to.")
    with pytest.raises(UserError, match="cannot be saved"):
        save_drawing(tmp_path / "missing", [(PICTURE, recipe("a", 0))], None)
