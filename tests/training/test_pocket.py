"""All stages of pocket, a step each: what is trained can be packed, loaded and drawn with."""

import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from ninefold.checkpoints.load import load_dallebart
from ninefold.checkpoints.model_folder import load_state, read_config
from ninefold.corpus.holdout import is_held_out
from ninefold.corpus.scenes.looks import LOOKS
from ninefold.errors import CheckpointError, UserError
from ninefold.generation.params import SamplingParams
from ninefold.models.dallebart import DalleBart
from ninefold.models.sketches import NUM_PLACES, SketchEmbedding
from ninefold.pipeline import TextToImage
from ninefold.text.bpe import TOKENIZER_FILE
from ninefold.text.things import SLOTS, THINGS_FILE, ThingTable
from ninefold.training.encoded import SCENE_SEED, read_codes
from ninefold.training.pictures import PictureSet
from ninefold.training.pocket import SKETCHES_FILE, STAGES, PocketRun
from ninefold.training.recipes.dallebart import (
    TEXT_LENGTH,
    DalleBartTask,
    pocket_dallebart,
    start_codes,
)
from ninefold.training.sketches import LENGTH

NUM_SCENES = 4
pytestmark = pytest.mark.usefixtures("tiny_pocket")


def stop_after(num_questions: int) -> Callable[[], bool]:
    """Say "stop" when asked more often than that."""
    asked = iter(range(num_questions))
    return lambda: next(asked, None) is None


@pytest.fixture(scope="module")
def trained(
    small_corpus: Path, wordnet: Path, tmp_path_factory: pytest.TempPathFactory
) -> PocketRun:
    """A run of one step of every stage."""
    root = tmp_path_factory.mktemp("pocket")
    run = partial(PocketRun, root, small_corpus, num_scenes=NUM_SCENES, wordnet=wordnet)
    for stage in STAGES[:-1]:
        getattr(run(should_stop=stop_after(1)), f"train_{stage.replace('-', '_')}")()
    return run()


@pytest.fixture(scope="module")
def model(trained: PocketRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "pocket"
    trained.export(folder)
    return folder


@pytest.fixture(scope="module")
def task(trained: PocketRun, small_pictures: PictureSet) -> DalleBartTask:
    table = ThingTable.from_folder(trained.root / "tokenizer")
    assert table is not None
    return pocket_dallebart(
        small_pictures,
        table,
        trained.root / "tokenizer",
        np.load(trained.root / "codes" / SKETCHES_FILE),
        trained.load_vqgan(),
        read_codes(trained.root / "codes"),
    )[0]


def test_a_trained_run_becomes_a_model_that_draws(model: Path) -> None:
    config = read_config(model)
    assert sum(record.bytes for record in config.files.values()) < 3e6
    painter = TextToImage.load(model, device="cpu")
    drawing = painter.draw("a red apple", SamplingParams(seed=1, count=1, condition_scale=1.0))
    assert drawing.pictures[0].image.size == (64, 64)


def test_what_the_model_has_no_name_for_is_told(model: Path) -> None:
    painter = TextToImage.load(model, device="cpu")
    params = SamplingParams(seed=1, count=1, condition_scale=1.0)
    drawing = painter.draw("a frobnic citadel", params)
    assert drawing.notices == (
        "\u201ccitadel\u201d is read as \u201ccastle\u201d.",
        "The model does not know \u201cfrobnic\u201d: left out.",
    )


def test_exporting_again_gives_the_same_model(trained: PocketRun, tmp_path: Path) -> None:
    first = trained.export(tmp_path / "pocket")
    assert trained.export(tmp_path / "pocket") == first
    assert {TOKENIZER_FILE, THINGS_FILE} <= set(first.files)


def test_a_model_holds_the_sketch_of_every_picture(
    trained: PocketRun, model: Path, small_pictures: PictureSet
) -> None:
    words = load_dallebart(model).encoder.embed_tokens
    assert isinstance(words, SketchEmbedding)
    sketches = np.load(trained.root / "codes" / SKETCHES_FILE)
    assert sketches.shape == (len(small_pictures), len(LOOKS), LENGTH, 4)
    assert np.array_equal(words.codes().numpy(), sketches)
    table = ThingTable.from_folder(model)
    assert table is not None
    assert table.num_designs == len(small_pictures)
    entries = Tokenizer.from_file(str(model / TOKENIZER_FILE)).get_vocab_size()
    config = read_config(model).dallebart
    assert config.encoder_vocab_size == entries + NUM_PLACES * table.num_sketches * LENGTH


def test_things_are_named_by_the_lexicon_and_drawn_in_two_designs(
    trained: PocketRun, small_pictures: PictureSet
) -> None:
    table = ThingTable.from_folder(trained.root / "tokenizer")
    assert table is not None
    assert [thing.label for thing in table.things] == [r.label for r in small_pictures.records[::2]]
    assert table.things[3].designs == (6, 7)
    for word in ("castle", "castles", "citadel"):
        assert table.read(f" a {word}").things == (3,)


def test_the_finished_decoder_leaves_codes_as_they_were(trained: PocketRun) -> None:
    vqgan = trained.load_vqgan()
    state = torch.load(trained.root / "vqgan-decoder" / "state.pt", weights_only=True)
    codes = {name for name in vqgan.state_dict() if not name.startswith(("decoder.", "post_"))}
    assert codes.isdisjoint(state["average"])
    assert {name.split(".")[0] for name in state["average"]} == {"decoder", "post_quant_conv"}


@pytest.mark.parametrize("stage", ["vqgan", "dallebart", "clip", "vqgan-decoder"])
def test_every_stage_leaves_a_state(trained: PocketRun, stage: str) -> None:
    state = torch.load(trained.root / stage / "state.pt", weights_only=True)
    assert state["step"] == 1


def test_a_finished_model_stands_for_stages_that_were_not_run(
    trained: PocketRun, model: Path, small_corpus: Path, wordnet: Path, tmp_path: Path
) -> None:
    root = tmp_path / "run"
    for stage in ("tokenizer", "codes", "clip"):
        run = PocketRun(
            root, small_corpus, stop_after(1), num_scenes=NUM_SCENES, start=model, wordnet=wordnet
        )
        getattr(run, f"train_{stage}")()
    assert (root / "tokenizer" / THINGS_FILE).read_bytes() == (
        trained.root / "tokenizer" / THINGS_FILE
    ).read_bytes()
    run = PocketRun(root, small_corpus, num_scenes=NUM_SCENES, start=model, wordnet=wordnet)
    shipped, found = load_state(model, "vqgan"), run.load_vqgan().state_dict()
    assert all(torch.equal(value, found[name].half()) for name, value in shipped.items())
    vision = [name for name in load_state(model, "clip") if "vision" in name]
    learned = torch.load(root / "clip" / "state.pt", weights_only=True)["average"]
    distances = [
        float((load_state(model, "clip")[name] - learned[name]).abs().max()) for name in vision
    ]
    # One step of a rate that has just begun to rise.
    assert max(distances) < 1e-2


def test_a_stage_out_of_order_says_which_comes_first(small_corpus: Path, tmp_path: Path) -> None:
    run = PocketRun(tmp_path, small_corpus)
    with pytest.raises(UserError, match="ninefold train tokenizer"):
        run.train_clip()
    with pytest.raises(UserError, match="ninefold train vqgan"):
        run.train_codes()
    with pytest.raises(UserError, match="ninefold train codes"):
        run.export(tmp_path / "model")


def test_a_stage_does_not_go_on_with_what_others_made_anew(
    trained: PocketRun, small_corpus: Path, wordnet: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained.root, tmp_path / "run")
    run = PocketRun(tmp_path / "run", small_corpus, num_scenes=NUM_SCENES, wordnet=wordnet)
    run.train_codes()  # they are there, made from the same
    state = torch.load(run.root / "vqgan" / "state.pt", weights_only=True)
    torch.save({**state, "step": 0}, run.root / "vqgan" / "state.pt")
    with pytest.raises(UserError, match=r"sketches\.npy was made from other inputs \(vqgan\)"):
        run.train_codes()
    table = run.root / "tokenizer" / THINGS_FILE
    table.write_text(table.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"made from other inputs \(tokenizer\)"):
        run.train_dallebart()


def test_a_tokenizer_without_a_table_says_what_to_run(
    trained: PocketRun, small_corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "tokenizer").mkdir()
    content = (trained.root / "tokenizer" / TOKENIZER_FILE).read_bytes()
    (tmp_path / "tokenizer" / TOKENIZER_FILE).write_bytes(content)
    with pytest.raises(UserError, match=r"no things\.json; run `ninefold train tokenizer`"):
        PocketRun(tmp_path, small_corpus).train_clip()


def test_a_damaged_stage_is_named(small_corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "vqgan").mkdir()
    (tmp_path / "vqgan" / "state.pt").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="is damaged; remove it"):
        PocketRun(tmp_path, small_corpus).train_codes()


def test_a_folder_without_a_corpus_says_how_to_build_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ninefold corpus build --out"):
        PocketRun(tmp_path / "run", tmp_path / "corpus")


def test_the_batch_of_a_step_depends_on_the_step_alone(task: DalleBartTask) -> None:
    first, again = (task.samples(3, 6, 0.5, 1) for _ in range(2))
    task.samples(4, 6, 0.5, 1)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert first[2] == 3


def test_a_caption_shows_the_design_that_is_drawn_and_no_other(task: DalleBartTask) -> None:
    """Else a transformer would learn not to trust sketches."""
    first = task.num_words
    for number, texts in enumerate(task.things.text_tokens.tolist()):
        shown = [
            {(i - first) // LENGTH // len(LOOKS) % len(task.sketches) for i in text if i >= first}
            for text in texts
        ]
        assert all(sketches == {number} for sketches in shown)


def test_what_training_reads_holds_nothing_that_is_held_out(
    task: DalleBartTask, trained: PocketRun, small_pictures: PictureSet
) -> None:
    tokenizer = Tokenizer.from_file(str(trained.root / "tokenizer" / TOKENIZER_FILE))
    texts = [data.text_tokens.reshape(-1, TEXT_LENGTH) for data in (task.things, task.scenes)]
    rows = [[i for i in row.tolist() if i < task.num_words] for text in texts for row in text]
    read = {word for text in tokenizer.decode_batch(rows) for word in re.findall("[a-z]+", text)}
    names = {word for record in small_pictures.records for word in record.label.split()}
    assert read.isdisjoint(names - {"red"} | {"citadel", "android"})
    scenes = [small_pictures.draw_scene(SCENE_SEED, number) for number in range(len(task.scenes))]
    assert scenes
    assert not any(is_held_out(*key) for scene in scenes for key in scene.held_out_keys())


def test_a_run_without_scenes_learns_things(trained: PocketRun, task: DalleBartTask) -> None:
    assert len(task.scenes) == NUM_SCENES
    tokens, codes, split = task.samples(0, 4, 0.0, 1)
    assert (len(tokens), len(codes), split) == (4, 4, 4)
    assert trained.num_scenes == NUM_SCENES


def test_codes_that_look_alike_start_alike(task: DalleBartTask) -> None:
    codebook = task.vqgan.quantize.embedding.weight.detach()
    model = DalleBart(task.model.config)
    start_codes(model, codebook)
    rows = model.lm_head.weight.detach()[: len(codebook)]
    looks = torch.corrcoef(codebook).flatten()
    starts = torch.corrcoef(rows).flatten()
    assert torch.corrcoef(torch.stack([looks, starts]))[0, 1] > 0.3


def test_a_thing_is_read_by_its_own_codes(task: DalleBartTask) -> None:
    words = task.model.encoder.embed_tokens
    assert isinstance(words, SketchEmbedding)
    assert words.num_words == task.num_words
    assert words.codes().shape[0] == len(task.sketches)
    assert float(words.vectors.mean(0).abs().max()) < 1e-3
    assert set(SLOTS) == {"<1>", "<2>"}
