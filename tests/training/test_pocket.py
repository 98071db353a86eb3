"""All stages of pocket, a few steps each: what is trained can be packed, loaded and drawn with."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from ninefold.checkpoints.native import load_state, read_config
from ninefold.corpus.holdout import is_held_out
from ninefold.corpus.lexicon import LEXICON_FILE, Entry, read_lexicon
from ninefold.errors import CheckpointError, UserError
from ninefold.evaluation.word_prompts import UNSEEN_WORDS
from ninefold.generation.params import SamplingParams
from ninefold.models.dallebart import DalleBart
from ninefold.pipeline import TextToImage
from ninefold.text.bpe import TOKENIZER_FILE
from ninefold.training.captions import NUM_FUNCTION_WORDS
from ninefold.training.encoded import SCENE_SEED, read_codes
from ninefold.training.pictures import PictureSet
from ninefold.training.pocket import PocketRun
from ninefold.training.recipes.clip import TEXT_LENGTH
from ninefold.training.recipes.dallebart import POCKET_DALLEBART, pocket_dallebart, start_codes
from ninefold.training.recipes.vqgan import SOURCES, VQGANTask


def stop_after(num_questions: int) -> Callable[[], bool]:
    """Say "stop" when asked more often than that."""
    asked = iter(range(num_questions))
    return lambda: next(asked, None) is None


@pytest.fixture(scope="module")
def trained(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> PocketRun:
    """A run of one step of every stage."""
    root = tmp_path_factory.mktemp("pocket")
    for stage in (
        "tokenizer",
        "vqgan",
        "codes",
        "dallebart",
        "beginnings",
        "anneal",
        "clip",
        "vqgan_decoder",
    ):
        getattr(PocketRun(root, corpus, stop_after(1), num_scenes=4), f"train_{stage}")()
    return PocketRun(root, corpus, num_scenes=4)


def test_a_finished_model_stands_for_stages_that_were_not_run(
    trained: PocketRun, corpus: Path, tmp_path: Path
) -> None:
    first = trained.export(tmp_path / "first")
    for stage in ("tokenizer", "codes", "anneal", "clip"):
        run = PocketRun(
            tmp_path / "run",
            corpus,
            stop_after(1),
            num_scenes=4,
            start=tmp_path / "first",
        )
        getattr(run, f"train_{stage}")()
    run = PocketRun(tmp_path / "run", corpus, num_scenes=4, start=tmp_path / "first")
    second = run.export(tmp_path / "second")
    assert first.files[TOKENIZER_FILE] == second.files[TOKENIZER_FILE]
    folders = tmp_path / "first", tmp_path / "second"
    old, new = (load_state(folder, "vqgan") for folder in folders)
    assert all(torch.equal(old[name], new[name]) for name in old)
    old, new = (load_state(folder, "dallebart") for folder in folders)
    distances = {name: float((old[name] - new[name]).abs().max()) for name in old}
    # One step of a rate that has just begun to rise.
    assert 0 < max(distances.values()) < 1e-2


def test_a_trained_run_becomes_a_model_that_draws(trained: PocketRun, tmp_path: Path) -> None:
    config = trained.export(tmp_path / "pocket")
    assert read_config(tmp_path / "pocket") == config
    total = sum(record.bytes for record in config.files.values())
    assert total < 60e6
    painter = TextToImage.load(tmp_path / "pocket", device="cpu")
    drawing = painter.draw("a red apple", SamplingParams(seed=1, count=1, condition_scale=1.0))
    assert drawing.pictures[0].image.size == (256, 256)


def test_exporting_again_gives_the_same_model(trained: PocketRun, tmp_path: Path) -> None:
    first = trained.export(tmp_path / "pocket")
    assert trained.export(tmp_path / "pocket") == first


def test_the_finished_decoder_leaves_codes_as_they_were(trained: PocketRun) -> None:
    vqgan = trained.load_vqgan()
    state = torch.load(trained.root / "vqgan-decoder" / "state.pt", weights_only=True)
    assert set(state["average"]) == {
        name for name in vqgan.state_dict() if name.startswith(("decoder.", "post_quant_conv."))
    }


@pytest.mark.parametrize(
    "stage", ["vqgan", "dallebart", "beginnings", "anneal", "clip", "vqgan-decoder"]
)
def test_every_stage_leaves_a_state(trained: PocketRun, stage: str) -> None:
    state = torch.load(trained.root / stage / "state.pt", weights_only=True)
    assert state["step"] == 1


def test_a_stage_out_of_order_says_which_comes_first(corpus: Path, tmp_path: Path) -> None:
    run = PocketRun(tmp_path, corpus)
    with pytest.raises(UserError, match="ninefold train tokenizer"):
        run.train_clip()
    with pytest.raises(UserError, match="ninefold train vqgan"):
        run.train_codes()
    with pytest.raises(UserError, match="ninefold train anneal"):
        run.export(tmp_path / "model")


def test_a_damaged_stage_is_named(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "vqgan").mkdir()
    (tmp_path / "vqgan" / "state.pt").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="is damaged; remove it"):
        PocketRun(tmp_path, corpus).train_codes()


def test_a_folder_without_a_corpus_says_how_to_build_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ninefold corpus build --out"):
        PocketRun(tmp_path / "run", tmp_path / "corpus")


def test_the_batch_of_a_step_depends_on_the_step_alone(corpus: Path) -> None:
    task, again = VQGANTask(corpus), VQGANTask(corpus)
    task.batch(0, 4)
    assert np.array_equal(task.batch(3, 4), again.batch(3, 4))
    assert not np.array_equal(task.batch(3, 4), task.batch(2, 4))


def test_an_epoch_shows_every_picture_once(corpus: Path) -> None:
    pictures = VQGANTask(corpus).pictures
    shown = [int(i) for step in range(5) for i in pictures.order(step, 2, seed=0)]
    assert sorted(shown) == list(range(len(pictures)))
    records = (corpus / "records.jsonl").read_text().splitlines()
    assert json.loads(records[0])["label"] == pictures.records[0].label


def test_words_that_mean_the_same_start_alike(trained: PocketRun, corpus: Path) -> None:
    made = pocket_dallebart(
        PictureSet(corpus, SOURCES),
        read_lexicon(corpus / LEXICON_FILE),
        trained.root / "tokenizer",
        trained.load_vqgan(),
        read_codes(trained.root / "codes"),
    )
    weight = made[0].words.table()
    castle, near, far = (
        weight[made[0].tokenizer.encode(f" {word}").ids[1]]
        for word in ("castle", "citadel", "pizza")
    )
    similarity = torch.cosine_similarity
    assert similarity(castle, near, 0) > similarity(castle, far, 0) + 0.1


def test_what_training_reads_holds_nothing_that_is_held_out(
    trained: PocketRun, corpus: Path
) -> None:
    near = [word for word in ("palace", "fortress", "manor") if not is_held_out("word", word)]
    foreign = [Entry("schloss", "castle", "name in de", 1.0)]
    unseen = [Entry(word, "castle", "near", 0.6) for word in [*near, *UNSEEN_WORDS]]
    empty = [Entry("the", "castle", "near", 0.5)] * NUM_FUNCTION_WORDS
    pictures = PictureSet(corpus, SOURCES)
    codes = read_codes(trained.root / "codes")
    folder = trained.root / "tokenizer"
    lexicon = [*empty, *unseen, *foreign]
    task = pocket_dallebart(pictures, lexicon, folder, trained.load_vqgan(), codes)[0]
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    texts = [data.text_tokens.reshape(-1, TEXT_LENGTH) for data in (task.things, task.scenes)]
    rows = [row.tolist() for text in texts for row in text]
    read = {word for text in tokenizer.decode_batch(rows) for word in re.findall("[a-z]+", text)}
    assert near
    assert set(near) <= read
    assert read.isdisjoint([*UNSEEN_WORDS, "schloss"])
    scenes = [pictures.draw_scene(SCENE_SEED, number) for number in range(len(task.scenes))]
    assert scenes
    assert not any(is_held_out(*key) for scene in scenes for key in scene.held_out_keys())


def test_codes_that_look_alike_start_alike(trained: PocketRun) -> None:
    vqgan = trained.load_vqgan()
    codebook = vqgan.quantize.embedding.weight.detach()
    model = DalleBart(POCKET_DALLEBART)
    start_codes(model, codebook)
    rows = model.lm_head.weight.detach()[: len(codebook)]
    looks = torch.corrcoef(codebook)[:200, :200].flatten()
    starts = torch.corrcoef(rows)[:200, :200].flatten()
    assert torch.corrcoef(torch.stack([looks, starts]))[0, 1] > 0.3
