"""`ninefold draw`: files, documents, notices and exit codes, on a tiny model."""

import json
from pathlib import Path

import pytest
from PIL import Image

from ninefold.cli import draw_run
from ninefold.cli.draw_files import save_drawing
from ninefold.errors import NinefoldError
from ninefold.pictures.png import Recipe, read_recipe, write_png
from tests.cli.conftest import RunInside


def test_a_prompt_gives_nine_pictures_and_a_grid_named_after_it(
    ninefold: RunInside, workplace: Path
) -> None:
    result = ninefold("draw", "a red apple", "--model", "tiny", "--seed", "7")
    folder = Path("pictures/a-red-apple")
    names = [f"a-red-apple-{n}.png" for n in range(1, 10)] + ["grid.png"]
    assert result.code == 0
    assert result.out.splitlines() == [str(folder / name) for name in names]
    assert sorted(path.name for path in (workplace / folder).iterdir()) == names
    assert "Drawing with tiny, seed 7." in result.err
    assert "a red apple: 9 pictures in" in result.err
    with Image.open(folder / "grid.png") as grid, Image.open(folder / names[0]) as picture:
        assert picture.size == (16, 16)
        assert grid.width > 48
        assert grid.height > 48 + 14


def test_it_says_what_spells_other_scripts_where_that_is_asked_for(ninefold: RunInside) -> None:
    call = ("draw", "a cat", "--model", "pocket", "--count", "1", "--seed", "7")
    assert "text-unidecode" in ninefold(*call, "--verbose").err
    assert "text-unidecode" not in ninefold(*call).err


def test_each_picture_carries_what_it_was_drawn_from(ninefold: RunInside) -> None:
    result = ninefold("draw", "a red apple", "--model", "tiny", "--seed", "7", "--top-k", "20")
    recipes = [read_recipe(Path(name)) for name in result.out.splitlines()[:-1]]
    assert sorted(recipe.index for recipe in recipes) == list(range(9))
    for recipe in recipes:
        assert (recipe.prompt, recipe.seed, recipe.model) == ("a red apple", 7, "tiny")
        assert recipe.settings["top_k"] == 20
        assert len(recipe.model_sha256) == 64


def test_the_same_seed_draws_the_same_bytes_into_another_folder(ninefold: RunInside) -> None:
    call = ("draw", "a red apple", "--model", "tiny", "--seed", "7")
    first, second = ninefold(*call).out.splitlines(), ninefold(*call).out.splitlines()
    assert second[0] == "pictures/a-red-apple-2/a-red-apple-1.png"
    assert [Path(name).read_bytes() for name in first] == [
        Path(name).read_bytes() for name in second
    ]


def test_without_a_seed_it_is_new_and_shown(ninefold: RunInside) -> None:
    results = [ninefold("draw", "a", "--model", "tiny", "--count", "1") for _ in range(2)]
    seeds = [read_recipe(Path(result.out.strip())).seed for result in results]
    assert seeds[0] != seeds[1]
    for seed, result in zip(seeds, results, strict=True):
        assert f"seed {seed}." in result.err


def test_several_prompts_and_a_file_get_a_folder_each(ninefold: RunInside, workplace: Path) -> None:
    (workplace / "prompts.txt").write_text("قطة\n\n🐙\n", encoding="utf-8")
    call = ("a cat", "con", "--file", "prompts.txt", "--count", "2", "--no-grid", "--quiet")
    result = ninefold("draw", *call, "--model", "tiny", "--out", "here/there")
    assert result.err == ""
    assert result.out.splitlines() == [
        f"here/there/{name}/{name}-{n}.png"
        for name in ("a-cat", "con-picture", "قطة", "🐙")
        for n in (1, 2)
    ]


def test_json_is_one_document_and_nothing_else(ninefold: RunInside) -> None:
    call = ("draw", "a cat", "قطة", "--model", "tiny", "--seed", "3", "--count", "4", "--json")
    result = ninefold(*call)
    document = json.loads(result.out)
    assert result.out.isascii()
    assert document["complete"] is True
    assert document["model"]["name"] == "tiny"
    assert [drawing["prompt"] for drawing in document["drawings"]] == ["a cat", "قطة"]
    for drawing in document["drawings"]:
        assert drawing["seed"] == drawing["settings"]["seed"] == 3
        assert Path(drawing["grid"]).is_file()
        scores = [picture["score"] for picture in drawing["pictures"]]
        assert scores == sorted(scores, reverse=True)
        for picture in drawing["pictures"]:
            recipe = read_recipe(Path(picture["path"]))
            assert recipe.index == picture["index"]
            assert recipe.model_sha256 == document["model"]["sha256"]


@pytest.mark.parametrize("place", [0, 4])
def test_like_draws_the_same_bytes_again(ninefold: RunInside, place: int) -> None:
    call = ("--negative", "a dog", "--temperature", "0.8", "--candidates", "14")
    drawn = ninefold("draw", "a cat 🐈", "--model", "tiny", *call).out.splitlines()
    original = Path(drawn[place])
    result = ninefold("draw", "--like", str(original))
    assert result.code == 0
    assert "This is the same picture, byte for byte." in result.err
    (again,) = result.out.splitlines()
    assert Path(again).read_bytes() == original.read_bytes()
    assert again != str(original)


def test_like_draws_one_picture_of_a_seamless_square_again(ninefold: RunInside) -> None:
    drawn = ninefold("draw", "a cat", "--model", "tiny", "--seamless", "--count", "4")
    original = Path(drawn.out.splitlines()[2])
    (again,) = ninefold("draw", "--like", str(original)).out.splitlines()
    assert Path(again).read_bytes() == original.read_bytes()


def test_like_says_so_where_the_file_comes_out_differently(
    ninefold: RunInside, workplace: Path
) -> None:
    drawn = Path(ninefold("draw", "a cat", "--model", "tiny", "--count", "1").out.strip())
    changed = write_png(workplace / "changed.png", Image.new("RGB", (16, 16)), read_recipe(drawn))
    result = ninefold("draw", "--like", "changed.png")
    assert result.code == 0
    assert "The file differs from 'changed.png'" in result.err
    assert Path(result.out.strip()).read_bytes() == drawn.read_bytes() != changed.read_bytes()


def test_like_says_which_model_drew_the_picture(ninefold: RunInside) -> None:
    drawn = ninefold("draw", "a cat", "--model", "tiny", "--count", "1").out.strip()
    result = ninefold("draw", "--like", drawn, "--model", "other")
    assert result.code == 2
    assert result.err.startswith("ninefold: The model 'other' here (")
    assert f"is not the one that drew '{drawn}' ('tiny', " in result.err


def test_a_seamless_square_has_no_gaps(ninefold: RunInside) -> None:
    call = ("draw", "a", "--model", "tiny", "--seed", "1", "--count", "4", "--seamless")
    *pictures, grid = ninefold(*call).out.splitlines()
    with (
        Image.open(grid) as page,
        Image.open(pictures[0]) as first,
        Image.open(pictures[1]) as next,
    ):
        margin = (page.width - 32) // 2
        square = page.crop((margin, margin, margin + 32, margin + 16))
        joined = Image.new("RGB", (32, 16))
        joined.paste(first)
        joined.paste(next, (16, 0))
        assert square.tobytes() == joined.tobytes()


def test_a_prompt_of_100000_characters_is_cut_with_a_notice(
    ninefold: RunInside, workplace: Path
) -> None:
    (workplace / "long.txt").write_text("a red apple " * 8333, encoding="utf-8")
    result = ninefold("draw", "--file", "long.txt", "--model", "tiny", "--count", "1")
    assert result.code == 0
    assert "Note: " in result.err
    assert max(map(len, result.err.splitlines())) < 400
    assert len(Path(result.out.strip()).name.encode()) < 100


def test_control_characters_are_taken_out_with_a_notice(ninefold: RunInside) -> None:
    result = ninefold("draw", "a\x1b[31m cat\n", "--model", "tiny", "--count", "1")
    assert result.code == 0
    assert "held control characters" in result.err
    assert "\x1b" not in result.err + result.out
    assert read_recipe(Path(result.out.strip())).prompt == "a [31m cat"


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ((), "nothing to draw; give a prompt"),
        (("",), "is empty; give it words"),
        (("a cat", "--model", "nano"), "There is no model 'nano'"),
        (("a cat", "--model", "mini"), "run `ninefold pull mini`"),
        (("a cat", "--count", "0"), "from 1 to 64, not 0"),
        (("a cat", "--count", "10000"), "from 1 to 64, not 10000"),
        (("a cat", "--count", "nine"), "should be a valid integer"),
        (("a cat", "--colour", "red"), "No such option"),
        (("a cat", "--out", "taken/folder"), "cannot be saved in 'taken/folder'"),
        (("--file", "missing.txt"), "'missing.txt' cannot be read: No such file"),
        (("--like", "taken"), "is not a PNG picture"),
        (("--like", "missing.png"), "cannot be read: No such file"),
        (("a cat", "--like", "taken"), "leave out either"),
        (("a cat", "--device", "abacus"), "'abacus' is not a device"),
        (("a cat", "--preset", "craiyon"), "There is no preset 'craiyon'"),
    ],
)
def test_a_mistake_is_answered_with_what_to_do(
    ninefold: RunInside, workplace: Path, arguments: tuple[str, ...], answer: str
) -> None:
    (workplace / "taken").write_text("a file")
    model = () if "--model" in arguments or "--like" in arguments else ("--model", "tiny")
    result = ninefold("draw", *arguments, *model)
    assert result.code == 2
    assert result.out == ""
    assert answer in result.err
    assert result.err.count("\n") == 1
    assert result.err.startswith("ninefold: ")
    assert [path.name for path in workplace.iterdir()] == ["taken"]


@pytest.mark.native("int8")
def test_a_picture_of_a_native_backend_is_drawn_again_by_it(
    ninefold: RunInside, workplace: Path
) -> None:
    result = ninefold(
        "draw",
        "a hat",
        "--model",
        "tiny",
        "--count",
        "1",
        "--backend",
        "native-int8",
        "--out",
        "one",
    )
    assert result.code == 0, result.err
    [path] = result.out.split()
    again = ninefold("draw", "--like", path, "--model", "tiny", "--out", "two")
    assert again.code == 0, again.err
    assert Path(again.out.strip()).read_bytes() == (workplace / path).read_bytes()


def test_who_has_no_home_gets_all_pictures(
    ninefold: RunInside, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", fail)
    result = ninefold("draw", "ein Kätzchen", "--model", "tiny", "--seed", "7")
    assert (result.code, len(list(workplace.rglob("*.png")))) == (0, 10), result.err


def test_pictures_are_kept_whatever_happens_to_their_grid(
    ninefold: RunInside, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_given: object) -> None:
        assert len(list(workplace.rglob("*.png"))) == 9  # they are there before anything else
        raise LookupError("no font")

    monkeypatch.setattr(draw_run, "grid", fail)
    result = ninefold("draw", "a red apple", "--model", "tiny", "--seed", "7")
    assert (result.code, len(result.out.splitlines())) == (0, 9)
    assert (
        "The pictures are saved, but could not be set into one (LookupError: no font)" in result.err
    )


def test_a_picture_that_cannot_be_signed_loses_none_before_it(
    workplace: Path,
) -> None:
    def finish(data: bytes, recipe: Recipe) -> bytes:
        if recipe.index == 2:
            raise NinefoldError("The key is gone.")
        return data

    image = Image.new("RGB", (4, 4))
    recipes = [Recipe("a", 7, index, {}, "tiny", "0" * 64, "ninefold 0") for index in range(4)]
    with pytest.raises(NinefoldError, match="key is gone"):
        save_drawing(workplace, [(image, recipe) for recipe in recipes], None, finish)
    assert len(list(workplace.rglob("*.png"))) == 2
