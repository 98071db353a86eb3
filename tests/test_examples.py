"""Every example is short and runs, here with a tiny model."""

import runpy
from pathlib import Path

import pytest

from ninefold.pictures.png import read_recipe

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 40


def test_draw_nine_saves_nine_pictures_that_carry_their_recipe(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    arguments = ["draw_nine.py", "a red\tapple", str(tiny_model), str(out)]
    monkeypatch.setattr("sys.argv", arguments)
    runpy.run_path(str(EXAMPLES / "draw_nine.py"), run_name="__main__")
    assert sorted(path.name for path in out.iterdir()) == [f"{n}.png" for n in range(1, 10)]
    recipes = [read_recipe(path) for path in out.iterdir()]
    assert {recipe.prompt for recipe in recipes} == {"a red apple"}
    assert sorted(recipe.index for recipe in recipes) == list(range(9))
