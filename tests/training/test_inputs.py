"""What a run makes and reads again goes on with the inputs that it was made from, and no others."""

import json
from pathlib import Path

import pytest
import torch

from ninefold.checkpoints.model_folder import load_state
from ninefold.corpus.build import PICTURES_FILE
from ninefold.corpus.own_pictures import build_own_corpus
from ninefold.errors import CheckpointError, UserError
from ninefold.training.evaluator_run import EvaluatorRun
from ninefold.training.finetune_run import FinetuneRun
from ninefold.training.inputs import hash_corpus, is_made, record_inputs
from ninefold.training.trainer import train
from tests.cli.conftest import write_model
from tests.corpus.test_own_pictures import png
from tests.training.conftest import write_corpus
from tests.training.test_trainer import CONFIG, LineTask


@pytest.fixture(autouse=True)
def few_rehearsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One prompt to rehearse instead of four dozen."""
    monkeypatch.setattr("ninefold.training.rehearsal.REHEARSED", ("a cat",))


def own_corpus(folder: Path, colour: str, caption: str = "tom the cat") -> Path:
    (folder / "mine").mkdir(parents=True)
    (folder / "mine/a.png").write_bytes(png(colour=colour))
    (folder / "mine/a.txt").write_text(caption)
    build_own_corpus(folder / "mine", folder / "corpus", 16)
    return folder / "corpus"


@pytest.mark.parametrize("steps_done", [1, 2])
def test_a_second_subject_is_never_answered_with_the_first(
    tiny_model: Path, tmp_path: Path, steps_done: int
) -> None:
    tom, bella = own_corpus(tmp_path / "tom", "red"), own_corpus(tmp_path / "bella", "blue")
    asked = iter([False] * steps_done + [steps_done == 1] * 2)
    FinetuneRun(tmp_path / "run", tom, tiny_model, 2, lambda: next(asked)).train(tmp_path / "a")
    with pytest.raises(UserError, match=r"other inputs \(corpus\); give another folder"):
        FinetuneRun(tmp_path / "run", bella, tiny_model, 2).train(tmp_path / "b")
    assert not (tmp_path / "b").exists()
    FinetuneRun(tmp_path / "run", tom, tiny_model, 2).train(tmp_path / "a")
    FinetuneRun(tmp_path / "other-run", bella, tiny_model, 2).train(tmp_path / "b")
    first, second = (load_state(tmp_path / name, "dallebart") for name in "ab")
    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_other_captions_of_the_same_pictures_are_another_subject(
    tiny_model: Path, tmp_path: Path
) -> None:
    tom, bella = own_corpus(tmp_path / "1", "red"), own_corpus(tmp_path / "2", "red", "bella")
    FinetuneRun(tmp_path / "run", tom, tiny_model, 1).train(tmp_path / "a")
    with pytest.raises(UserError, match=r"other inputs \(corpus\)"):
        FinetuneRun(tmp_path / "run", bella, tiny_model, 1).train(tmp_path / "b")


def test_another_model_neither_goes_on_nor_rehearses_the_first_ones_drawings(
    tiny_model: Path, tmp_path: Path
) -> None:
    tom, other = own_corpus(tmp_path / "tom", "red"), write_model(tmp_path / "other", seed=1)
    FinetuneRun(tmp_path / "run", tom, tiny_model, 1).train(tmp_path / "a")
    with pytest.raises(UserError, match=r"rehearsal\.npy was made from other inputs \(model\)"):
        FinetuneRun(tmp_path / "run", tom, other, 1).train(tmp_path / "b")
    (tmp_path / "run/rehearsal.npy").unlink()
    with pytest.raises(UserError, match=r"state\.pt was made from other inputs \(model\)"):
        FinetuneRun(tmp_path / "run", tom, other, 1).train(tmp_path / "b")


def test_other_prompts_to_rehearse_are_drawn_anew(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tom = own_corpus(tmp_path / "tom", "red")
    FinetuneRun(tmp_path / "run", tom, tiny_model, 1).train(tmp_path / "a")
    monkeypatch.setattr("ninefold.training.rehearsal.REHEARSED", ("a dog",))
    with pytest.raises(UserError, match=r"other inputs \(prompts\)"):
        FinetuneRun(tmp_path / "run", tom, tiny_model, 1).train(tmp_path / "a")


def test_damaged_drawings_to_rehearse_are_named(tiny_model: Path, tmp_path: Path) -> None:
    tom = own_corpus(tmp_path / "tom", "red")
    FinetuneRun(tmp_path / "run", tom, tiny_model, 1).train(tmp_path / "a")
    (tmp_path / "run/rehearsal.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(CheckpointError, match=r"rehearsal\.npy is damaged; remove it"):
        FinetuneRun(tmp_path / "run", tom, tiny_model, 1).train(tmp_path / "a")


def test_the_evaluator_of_another_corpus_is_refused_before_anything_is_learned(
    corpus: Path, tmp_path: Path
) -> None:
    asked = iter([True, True])
    EvaluatorRun(tmp_path / "run", corpus, lambda: next(asked)).train(tmp_path / "model")
    other = write_corpus(tmp_path / "other", 64)
    with pytest.raises(UserError, match=r"tokenizer\.json was made from other inputs \(corpus\)"):
        EvaluatorRun(tmp_path / "run", other).train(tmp_path / "model")
    (tmp_path / "run/tokenizer/tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"state\.pt was made from other inputs"):
        EvaluatorRun(tmp_path / "run", other).train(tmp_path / "model")


def test_a_state_goes_on_with_its_inputs_alone(tmp_path: Path) -> None:
    def run(folder: str, **inputs: str) -> None:
        train(LineTask(), CONFIG, tmp_path / folder, inputs=inputs)

    run("known", corpus="1", model="2")
    run("known", corpus="1", model="2")
    with pytest.raises(UserError, match=r"other inputs \(model\)"):
        run("known", corpus="1", model="3")
    with pytest.raises(UserError, match=r"other inputs \(words\)"):
        run("known", corpus="1", model="2", words="4")
    with pytest.raises(UserError, match=r"other inputs \(corpus, model\)"):
        run("known")
    run("unknown")
    run("unknown")
    with pytest.raises(UserError, match="does not say what it was made from"):
        run("unknown", corpus="1")


def test_a_file_that_is_made_once_knows_its_inputs(tmp_path: Path) -> None:
    path = tmp_path / "codes.npz"
    record_inputs(path, {"corpus": "1"})
    assert not is_made(path, {"corpus": "2"}), "a record alone is nothing made"
    path.write_bytes(b"codes")
    assert is_made(path, {"corpus": "1"})
    with pytest.raises(UserError, match=r"codes\.npz was made from other inputs \(corpus\)"):
        is_made(path, {"corpus": "2"})
    record = tmp_path / "codes.npz.inputs.json"
    record.write_text(json.dumps(["corpus"]))
    with pytest.raises(UserError, match="does not say"):
        is_made(path, {"corpus": "1"})
    record.write_text("{")
    with pytest.raises(CheckpointError, match="is damaged; remove it and codes"):
        is_made(path, {"corpus": "1"})
    record.unlink()
    with pytest.raises(UserError, match="does not say"):
        is_made(path, {"corpus": "1"})


def test_the_hash_of_a_corpus_is_that_of_its_content(tmp_path: Path) -> None:
    one, same = own_corpus(tmp_path / "1", "red"), own_corpus(tmp_path / "2", "red")
    assert hash_corpus(one) == hash_corpus(same)
    assert hash_corpus(one) != hash_corpus(own_corpus(tmp_path / "3", "blue"))
    (one / PICTURES_FILE).unlink()
    with pytest.raises(UserError, match=r"pictures\.npy is missing; build the corpus again"):
        hash_corpus(one)
