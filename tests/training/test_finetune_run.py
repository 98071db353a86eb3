"""A model learns a person's own pictures, from its own weights, and becomes a model that draws."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ninefold.checkpoints.model_folder import load_state
from ninefold.corpus.own_pictures import build_own_corpus
from ninefold.corpus.scenes.places import PALETTE
from ninefold.errors import UserError
from ninefold.generation.params import SamplingParams, get_preset
from ninefold.models.vqgan import VQGAN
from ninefold.pipeline import TextToImage
from ninefold.training.finetune_run import FinetuneRun
from ninefold.training.recipes.finetune import (
    VARIANTS,
    FinetuneTask,
    encode_shown,
    finetune_recipe,
)
from ninefold.training.recipes.vqgan import POCKET_VQGAN
from ninefold.training.trainer import train

COLOURS = ("red", "green", "blue")


@pytest.fixture(autouse=True)
def few_rehearsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two prompts to rehearse instead of four dozen."""
    monkeypatch.setattr("ninefold.training.rehearsal.REHEARSED", ("a cat", "a house"))


@pytest.fixture(scope="module")
def own_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures of 16 pixels, the size that the tiny model draws."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "mine").mkdir()
    for colour in COLOURS:
        file = io.BytesIO()
        Image.new("RGB", (32, 32), colour).save(file, "PNG")
        (folder / "mine" / f"{colour}.png").write_bytes(file.getvalue())
        (folder / "mine" / f"{colour}.txt").write_text(f"a {colour} square\n{colour}")
    build_own_corpus(folder / "mine", folder / "corpus", 16)
    return folder / "corpus"


def test_teaching_starts_from_the_models_weights_and_lowers_the_loss(
    own_corpus: Path, tiny_model: Path, tmp_path: Path
) -> None:
    task, config = finetune_recipe(own_corpus, tiny_model, tmp_path, num_steps=30)
    before = load_state(tiny_model, "dallebart")
    assert all(torch.equal(before[name], v) for name, v in task.model.state_dict().items())
    assert task.dataset.codes.shape == (3, VARIANTS, 16)
    assert task.dataset.text_tokens.shape[:2] == (3, 2)
    rows: list[dict[str, float]] = []
    config = replace(
        config, batch_size=6, log_every=10, learning_rate=5e-3, warmup_steps=1, autocast="float32"
    )
    train(task, config, tmp_path, on_log=rows.append)
    assert rows[-1]["own"] < rows[0]["own"] / 2
    assert rows[-1]["rehearsed"] < rows[0]["rehearsed"]
    with Image.open(tmp_path / "sample.png") as sample:
        assert sample.size == (3 * 16, 4 * 16)


def test_a_stopped_run_goes_on_and_becomes_a_model_that_draws(
    own_corpus: Path, tiny_model: Path, tmp_path: Path
) -> None:
    asked = iter([False, True, True])
    stopped = FinetuneRun(tmp_path / "run", own_corpus, tiny_model, 2, lambda: next(asked))
    assert stopped.train(tmp_path / "model") is None
    assert not (tmp_path / "model").exists()
    config = FinetuneRun(tmp_path / "run", own_corpus, tiny_model, 2).train(tmp_path / "model")
    assert config is not None
    assert config.name == "tiny-finetuned"
    painter = TextToImage.load(tmp_path / "model", device="cpu")
    assert painter.clip is not None
    drawing = painter.draw("a red square", SamplingParams(count=1, condition_scale=1.0))
    assert drawing.pictures[0].image.size == (32, 32)
    assert drawing.model_sha256 != TextToImage.load(tiny_model).config.sha256


def test_pictures_of_another_size_say_how_to_build_them(
    own_corpus: Path, tiny_model: Path, tmp_path: Path
) -> None:
    build_own_corpus(own_corpus.parent / "mine", tmp_path / "large", 32)
    with pytest.raises(UserError, match="build it again with --size 16"):
        FinetuneTask(tmp_path / "large", tiny_model, tmp_path)


def test_without_a_corpus_it_says_how_to_build_one(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ninefold corpus build --from"):
        FinetuneRun(tmp_path, tmp_path / "corpus", tiny_model, 1)


def test_what_is_rehearsed_is_drawn_once_by_the_model_before_it_is_taught(
    own_corpus: Path, tiny_model: Path, tmp_path: Path
) -> None:
    first = FinetuneTask(own_corpus, tiny_model, tmp_path).rehearsal
    drawn = (tmp_path / "rehearsal.npy").stat().st_mtime_ns
    again = FinetuneTask(own_corpus, tiny_model, tmp_path).rehearsal
    assert (tmp_path / "rehearsal.npy").stat().st_mtime_ns == drawn
    assert (first.codes == again.codes).all()
    preset = get_preset("pocket").params.to_dict()
    params = SamplingParams.from_dict({**preset, "seed": 1, "rank": False})
    expected = TextToImage.load(tiny_model, device="cpu").draw("a house", params)
    codes = [list(picture.codes) for picture in expected.pictures]
    assert first.codes[1].tolist() == codes


def test_plain_cells_of_own_pictures_have_the_codes_that_the_model_learned_for_them() -> None:
    torch.manual_seed(0)
    picture = np.full((1, 256, 256, 3), 255, np.uint8)
    picture[:, :128] = np.random.default_rng(0).integers(0, 255, (128, 256, 3))
    vqgan = VQGAN(POCKET_VQGAN).eval()
    codes = encode_shown(vqgan, picture, has_plain_codes=True)
    free = encode_shown(vqgan, picture, has_plain_codes=False)
    white = list(map(tuple, PALETTE)).index((255, 255, 255))
    assert (codes[0, 128:] == white).all()
    assert not (free[0, 128:] == white).all()
