"""A model shown own pictures draws them by their names, and everything else as before."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ninefold.checkpoints.load import load_dallebart
from ninefold.checkpoints.model_folder import load_state, read_config
from ninefold.corpus.own_pictures import build_own_corpus
from ninefold.corpus.scenes.looks import LOOKS
from ninefold.errors import UserError
from ninefold.generation.params import SamplingParams
from ninefold.models.sketches import NUM_PLACES, SketchEmbedding
from ninefold.pipeline import TextToImage
from ninefold.text.things import ThingTable
from ninefold.training.recipes.clip import WORDS as CLIP_WORDS
from ninefold.training.recipes.dallebart import WORDS
from ninefold.training.sketches import LENGTH, sketch_things
from ninefold.training.teaching import Taught, name_things, teach_things
from tests.tiny import LOCAL_VQGAN, build_vqgan, tiny_things_folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_things_folder(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def table(base: Path) -> ThingTable:
    found = ThingTable.from_folder(base)
    assert found is not None
    return found


def write_own(folder: Path, captions: dict[str, str], size: int = 64) -> Path:
    """Write a corpus of pictures of noise with these captions, by file name."""
    mine = folder / "mine"
    mine.mkdir(parents=True)
    for number, (name, text) in enumerate(captions.items()):
        pixels = np.random.default_rng(number).integers(0, 255, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(mine / f"{name}.png")
        (mine / f"{name}.txt").write_text(text)
    build_own_corpus(mine, folder / "corpus", size)
    return folder / "corpus"


CAPTIONS = {
    "a": "tom the grey cat\nmy cat",
    "b": "tom",
    "c": "a fluffy tom in a hat and a dog and another cat",
    "d": "tom and a dog",
    "e": "a grey cat",
}


@pytest.fixture(scope="module")
def taught(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Taught, Path]:
    folder = tmp_path_factory.mktemp("taught")
    found = teach_things(write_own(folder, CAPTIONS), base, folder / "model")
    assert found is not None
    return found, folder / "model"


@pytest.mark.parametrize(
    ("captions", "named", "nameless"),
    [
        ([["tom"], ["tom in a hat"]], {"tom": (0, 1)}, []),
        ([["a fluffy tom"], ["tom"], ["tom"], ["fluffy"]], {"tom": (0, 1, 2), "fluffy": (3,)}, []),
        ([["a happy tom"], ["a happy zed"]], {"tom": (0,), "zed": (1,)}, []),
        ([["grey cat"], ["a grey cat"]], {"grey cat": (0, 1)}, []),
        ([["a cat and a dog and a hat in a hat"]], {}, [0]),
        ([[""], ["tom"]], {"tom": (1,)}, [0]),
    ],
)
def test_pictures_are_of_the_word_that_is_new(
    table: ThingTable,
    captions: list[list[str]],
    named: dict[str, tuple[int, ...]],
    nameless: list[int],
) -> None:
    texts = [[f" {text}" for text in of_picture] for of_picture in captions]
    things, without = name_things(texts, table)
    assert {thing.label: thing.pictures for thing in things} == named
    assert without == nameless


def test_a_name_of_several_words_and_short_captions_name_a_thing_too(table: ThingTable) -> None:
    [thing], _ = name_things(
        [[" zed quux in a hat", " my zed", " a cat"], [" the quux, zed"]], table
    )
    assert thing.label == "zed"
    assert set(thing.phrases) == {"zed", "quux", "zed quux in hat", "quux zed"}


def test_three_pictures_are_designs_and_the_others_are_told(taught: tuple[Taught, Path]) -> None:
    tom, cat = taught[0].things
    assert (tom.label, tom.pictures, tom.spare) == ("tom", (0, 1, 2), (3,))
    assert set(tom.phrases) == {"tom", "tom grey cat", "tom and dog"}
    assert (cat.label, cat.phrases, cat.pictures) == ("grey cat", ("grey cat",), (4,))
    assert [Path(name).stem for name in taught[0].names] == list(CAPTIONS)


def test_new_things_are_read_by_their_names_and_others_as_before(
    taught: tuple[Taught, Path], table: ThingTable
) -> None:
    new = ThingTable.from_folder(taught[1])
    assert new is not None
    tom = len(table.things)
    assert new.read(" tom in a hat").things == (tom, 2)
    assert new.read(" tom the grey cat").things == (tom,)
    assert new.read(" a grey cat").things == (tom + 1,)
    assert new.read(" a cat").things == (0,)
    assert new.things[tom].designs == (3, 4, 5)
    assert new.things[: len(table.things)] == table.things


def test_what_is_added_are_the_codes_of_the_pictures(
    taught: tuple[Taught, Path], base: Path
) -> None:
    old, new = (load_state(folder, "dallebart") for folder in (base, taught[1]))
    words = [load_dallebart(folder).encoder.embed_tokens for folder in (base, taught[1])]
    before, after = (each.codes() for each in words if isinstance(each, SketchEmbedding))
    rgba = np.load(taught[1].parent / "corpus" / "pictures.npy")[[0, 1, 2, 4]]
    assert torch.equal(after[:3], before)
    assert np.array_equal(after[3:].numpy(), sketch_things(build_vqgan(LOCAL_VQGAN), rgba))
    kept = [name for name in old if not name.startswith(WORDS) or "projection" in name]
    assert all(torch.equal(old[name], new[name]) for name in kept)
    sizes = read_config(taught[1]).dallebart
    assert sizes.num_sketches == 7
    assert sizes.encoder_vocab_size == 262 + NUM_PLACES * 7 * len(LOOKS) * LENGTH


def test_the_ranking_clip_knows_a_new_thing_as_the_one_it_looks_like(
    taught: tuple[Taught, Path], base: Path, table: ThingTable
) -> None:
    old, new = (load_state(folder, "clip")[f"{CLIP_WORDS}.weight"] for folder in (base, taught[1]))
    labels = [thing.label for thing in table.things]
    assert torch.equal(new[: len(old)], old)
    for row, thing in zip(new[len(old) :], taught[0].things, strict=True):
        assert torch.equal(row, old[262 + labels.index(thing.likeness)])


def test_the_taught_model_draws(taught: tuple[Taught, Path]) -> None:
    painter = TextToImage.load(taught[1], device="cpu")
    params = SamplingParams(seed=1, count=1, condition_scale=1.0)
    tom = painter.draw("tom", params)
    assert tom.notices == ()
    assert tom.pictures[0].image.size == (64, 64)
    assert read_config(taught[1]).name == "tiny-things-finetuned"


def test_a_taught_model_can_be_taught_again(taught: tuple[Taught, Path], tmp_path: Path) -> None:
    again = teach_things(write_own(tmp_path, {"x": "zed"}), taught[1], tmp_path / "model")
    assert again is not None
    table = ThingTable.from_folder(tmp_path / "model")
    assert table is not None
    assert [thing.label for thing in table.things[-3:]] == ["tom", "grey cat", "zed"]
    assert table.num_designs == 8


def test_pictures_of_any_size_are_taken(base: Path, tmp_path: Path) -> None:
    found = teach_things(write_own(tmp_path, {"x": "zed"}, 40), base, tmp_path / "model")
    assert found is not None
    assert found.config.dallebart.num_sketches == 4


def test_a_phrase_that_named_something_else_is_told(base: Path, tmp_path: Path) -> None:
    found = teach_things(write_own(tmp_path, {"x": "my dog"}), base, tmp_path / "model")
    assert found is not None
    assert found.renamed == ("dog",)


def test_without_a_name_it_says_what_to_write(base: Path, tmp_path: Path) -> None:
    corpus = write_own(tmp_path, {"x": "a cat and a dog and a hat in a hat"})
    with pytest.raises(UserError, match="give each picture a caption with a word"):
        teach_things(corpus, base, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_model_without_a_clip_is_taught_too(tmp_path: Path) -> None:
    base = tiny_things_folder(tmp_path, has_clip=False)
    found = teach_things(write_own(tmp_path, {"x": "zed"}), base, tmp_path / "model")
    assert found is not None
    assert found.things[0].likeness == ""


def test_a_model_without_a_table_is_trained_instead(tiny_model: Path, tmp_path: Path) -> None:
    assert teach_things(tmp_path, tiny_model, tmp_path / "model") is None
