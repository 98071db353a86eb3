"""A corpus is there whole or not at all, and is not built twice."""

from pathlib import Path

import numpy as np
import pytest

from ninefold.corpus import build
from ninefold.corpus.build import build_corpus, is_built, read_records
from ninefold.corpus.sources import Source
from ninefold.errors import DownloadError


@pytest.fixture(autouse=True)
def small_registry(registry: list[Source], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "WORD_SOURCE", registry[0])
    monkeypatch.setattr(build, "PICTURE_SOURCES", tuple(registry[1:]))


def test_a_corpus_holds_every_visible_picture_and_its_record(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    count = build_corpus(
        tmp_path / "corpus", tmp_path / "cache", 32, 1, lambda *done: seen.append(done)
    )
    records = read_records(tmp_path / "corpus")
    pictures = np.load(tmp_path / "corpus/pictures.npy")
    assert [record.label for record in records] == ["red apple", "person’s tent"]
    assert count == len(records)
    assert pictures.shape == (2, 32, 32, 4)
    assert tuple(pictures[0, 16, 16]) == (255, 0, 0, 255)
    assert records[0].tags == ("fruit",)
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_second_build_does_nothing(tmp_path: Path) -> None:
    build_corpus(tmp_path / "corpus", tmp_path / "cache", 32, 1)
    before = (tmp_path / "corpus/pictures.npy").stat().st_mtime_ns
    assert build_corpus(tmp_path / "corpus", tmp_path / "cache", 32, 1) == 2
    assert (tmp_path / "corpus/pictures.npy").stat().st_mtime_ns == before


def test_another_size_is_another_corpus(tmp_path: Path) -> None:
    build_corpus(tmp_path / "corpus", tmp_path / "cache", 32, 1)
    assert is_built(tmp_path / "corpus", 32)
    assert not is_built(tmp_path / "corpus", 64)


def test_a_missing_package_leaves_no_corpus(
    tmp_path: Path, registry: list[Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    monkeypatch.setattr(build, "PICTURE_SOURCES", (replace(registry[1], version="0.0.0"),))
    with pytest.raises(DownloadError, match="could not fetch"):
        build_corpus(tmp_path / "corpus", tmp_path / "cache", 32, 1)
    assert not (tmp_path / "corpus").exists()
