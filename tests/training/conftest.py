"""A small made-up corpus in the format that the builder writes."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from ninefold.corpus.build import Record, manifest
from ninefold.corpus.lexicon import LEXICON_FILE, Entry, write_lexicon

NAMES = ("red apple", "octopus", "robot", "castle", "pizza")
SOURCES = (("fluent-emoji-flat", "flat"), ("twemoji", "cartoon"))


def write_corpus(folder: Path, size: int) -> Path:
    """Write one square of a colour of its own for every name and source."""
    folder.mkdir(parents=True)
    draw = np.random.default_rng(0)
    records, pictures = [], []
    for number, name in enumerate(NAMES):
        for source, style in SOURCES:
            picture = np.zeros((size, size, 4), np.uint8)
            picture[size // 4 : -size // 4, size // 4 : -size // 4] = [
                *draw.integers(0, 255, 3),
                255,
            ]
            pictures.append(picture)
            records.append(
                Record(source, style, f"1F{number}", name, ("thing", "toy"), "objects", "tool")
            )
    np.save(folder / "pictures.npy", np.stack(pictures))
    lines = "".join(json.dumps(asdict(record)) + "\n" for record in records)
    (folder / "records.jsonl").write_text(lines)
    content = {**manifest(size), "num_pictures": len(records)}
    (folder / "manifest.json").write_text(json.dumps(content))
    write_lexicon(
        [
            Entry("citadel", "castle", "kind", 0.9),
            Entry("android", "robot", "near", 0.6),
            *(Entry(name, name, "name", 1.0) for name in ("castle", "pizza")),
        ]
        * 45,
        folder / LEXICON_FILE,
    )
    return folder


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures of 128 pixels."""
    return write_corpus(tmp_path_factory.mktemp("made") / "corpus", 128)
