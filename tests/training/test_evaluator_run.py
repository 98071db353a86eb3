"""The evaluator: trained apart, on pictures that are not held out, and exact when it goes on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ninefold.checkpoints.evaluator import load_evaluator
from ninefold.corpus.build import read_records
from ninefold.corpus.held_out_pictures import is_held_out_picture
from ninefold.errors import UserError
from ninefold.training.captions import learn_tokenizer, save_tokenizer, write_captions
from ninefold.training.evaluator_run import EvaluatorRun
from ninefold.training.recipes import evaluator as recipe
from ninefold.training.recipes.clip import POCKET_CLIP
from ninefold.training.recipes.evaluator import EVALUATOR_CLIP, EvaluatorTask, vary


@pytest.fixture(scope="module")
def tokenizer(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(learn_tokenizer(write_captions(read_records(corpus), 0), 400), folder)
    return folder


def test_one_picture_in_ten_is_held_out() -> None:
    held = [is_held_out_picture(f"set{s}", f"{n:x}") for s in range(7) for n in range(1000)]
    assert 0.09 < np.mean(held) < 0.11


def test_held_out_pictures_are_never_learned(corpus: Path, tokenizer: Path) -> None:
    records = read_records(corpus)
    seen = [r for r in records if not is_held_out_picture(r.source, r.hexcode)]
    assert 0 < len(seen) < len(records), "the made-up corpus should hold some picture out"
    assert len(EvaluatorTask(corpus, tokenizer).rgba) == len(seen)


def test_the_evaluator_has_another_shape_than_the_clip_that_ranks() -> None:
    assert EVALUATOR_CLIP.vision_width != POCKET_CLIP.vision_width


def test_the_loss_of_a_step_depends_on_the_step_alone(corpus: Path, tokenizer: Path) -> None:
    first, second = EvaluatorTask(corpus, tokenizer), EvaluatorTask(corpus, tokenizer)
    first.loss(0, 4)
    assert torch.equal(first.loss(3, 4)[0], second.loss(3, 4)[0])
    assert not torch.equal(first.loss(3, 4)[0], second.loss(2, 4)[0])


def test_a_version_keeps_its_size_and_is_sometimes_on_a_colour() -> None:
    rgba = np.zeros((64, 64, 4), np.uint8)
    corners = []
    for seed in range(40):
        shown = vary(rgba, np.random.default_rng(seed))
        assert shown.shape == (64, 64, 3)
        corners.append(tuple(shown[0, 0].tolist()))
    assert 4 < sum(corner != (255, 255, 255) for corner in corners) < 25


def test_a_run_that_was_stopped_goes_on_and_writes_the_evaluator(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = recipe.evaluator_recipe

    def short(*arguments: Path) -> object:
        task, config = whole(*arguments)
        return task, replace(config, num_steps=2, batch_size=4)

    monkeypatch.setattr("ninefold.training.evaluator_run.evaluator_recipe", short)
    asked = iter([False, True, True])
    stopped = EvaluatorRun(tmp_path / "run", corpus, should_stop=lambda: next(asked))
    assert stopped.train(tmp_path / "model") is None
    assert not (tmp_path / "model").exists()
    config = EvaluatorRun(tmp_path / "run", corpus).train(tmp_path / "model")
    assert config is not None
    assert load_evaluator(tmp_path / "model")[0] == config
    assert sum(record.bytes for record in config.files.values()) < 5e6


def test_without_a_corpus_it_says_how_to_build_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ninefold corpus build"):
        EvaluatorRun(tmp_path, tmp_path / "corpus")
