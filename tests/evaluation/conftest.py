"""A tiny evaluator and a made-up corpus whose things can be told by colour."""

import dataclasses
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from ninefold.checkpoints.evaluator import EvaluatorConfig, save_evaluator
from ninefold.corpus.build import Record
from tests import tiny

SIDE = 32
SETS = ("one", "two", "three", "four", "five")
WORDS = ("abacus", "bagpipe", "cabin", "dune", "easel", "fjord", "gate", "harbour", "igloo", "jug")


def write_evaluator(folder: Path) -> Path:
    """Write an evaluator with random weights, and return its folder."""
    tokenizer = folder.with_suffix(".tokenizer.json")
    tokenizer.write_bytes(tiny.tiny_tokenizer_json())
    config = dataclasses.replace(tiny.CLIP_CONFIG, max_positions=40)
    weights = tiny.build_clip(config).state_dict()
    save_evaluator(folder, EvaluatorConfig(config, "nothing"), weights, tokenizer)
    return folder


def write_corpus(folder: Path) -> Path:
    """Write five sets' pictures of ten things, each thing with a colour of its own."""
    folder.mkdir(parents=True)
    draw = np.random.default_rng(0)
    records, pictures = [], []
    for number, word in enumerate(WORDS):
        colour = draw.integers(0, 255, 3)
        for source in SETS:
            picture = np.zeros((SIDE, SIDE, 4), np.uint8)
            picture[8:24, 8:24] = [*colour, 255]
            pictures.append(picture)
            records.append(Record(source, "flat", f"{number}", word, ("thing",), "objects", "tool"))
    np.save(folder / "pictures.npy", np.stack(pictures))
    lines = "".join(json.dumps(asdict(record)) + "\n" for record in records)
    (folder / "records.jsonl").write_text(lines)
    (folder / "manifest.json").write_text("{}")
    return folder


@pytest.fixture(scope="session")
def evaluator_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny evaluator with random weights."""
    return write_evaluator(tmp_path_factory.mktemp("evaluators") / "tiny")


@pytest.fixture(scope="session")
def corpus_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a corpus of 50 pictures of 32 pixels."""
    return write_corpus(tmp_path_factory.mktemp("corpora") / "corpus")
