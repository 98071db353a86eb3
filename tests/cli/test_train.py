"""`ninefold train` and `ninefold corpus`: mistakes are answered, and a stop loses nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.cli.conftest import COMMAND, RunInside
from tests.patience import PATIENCE_S
from tests.training.conftest import write_corpus


@pytest.fixture
def corpus(workplace: Path) -> Path:
    return write_corpus(workplace / "corpus", 256)


def test_an_unknown_stage_lists_the_known_ones(ninefold: RunInside) -> None:
    result = ninefold("train", "everything")
    assert result.code == 2
    assert "use pocket or one of tokenizer, vqgan, codes, dallebart" in result.err


def test_without_a_corpus_it_says_how_to_build_one(ninefold: RunInside) -> None:
    result = ninefold("train", "vqgan", "--corpus", "nowhere")
    assert result.code == 2
    assert "ninefold corpus build --out nowhere" in result.err


def test_a_corpus_that_is_there_is_left_as_it_is(ninefold: RunInside, corpus: Path) -> None:
    before = (corpus / "manifest.json").stat().st_mtime_ns
    result = ninefold("corpus", "build", "--out", "corpus")
    assert result.code == 0
    assert "10 pictures of 256 pixels in corpus" in result.err
    assert (corpus / "manifest.json").stat().st_mtime_ns == before


def test_the_tokenizer_stage_writes_a_tokenizer(
    ninefold: RunInside, workplace: Path, corpus: Path
) -> None:
    result = ninefold("train", "tokenizer", "--corpus", corpus.name, "--scenes", "3")
    assert result.code == 0
    assert result.out == ""
    assert (workplace / "runs/pocket/tokenizer/tokenizer.json").is_file()


def test_export_before_training_says_what_is_missing(ninefold: RunInside, corpus: Path) -> None:
    result = ninefold("train", "export", "--corpus", corpus.name)
    assert result.code == 2
    assert "run `ninefold train codes` first" in result.err


def test_a_terminated_stage_saves_and_can_go_on(workplace: Path, corpus: Path) -> None:
    call = ("train", "vqgan", "--corpus", corpus.name, "--runs", "runs", "--threads", "1")
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *call],
        cwd=workplace,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().strip() == "stage vqgan"
        process.send_signal(signal.SIGTERM)
        err = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 130
    assert "saving before the next step" in err
    state = torch.load(workplace / "runs/vqgan/state.pt", weights_only=True)
    assert state["step"] < 20
