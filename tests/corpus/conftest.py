"""Packages like those of the registry, made here: two tiny emoji sets and a word list."""

import json
import shlex
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from ninefold.corpus.sources import PICTURE_SOURCES, WORD_SOURCE, Source

RED = '<circle cx="32" cy="32" r="20" fill="#f00"/>'
BLUE = '<rect x="8" y="16" width="48" height="32" fill="#00f"/>'
NOTHING = "<g/>"

WORDS = [
    {"label": "red apple", "hexcode": "1F34E", "tags": ["fruit"], "group": 4, "subgroup": 42},
    {"label": "person’s tent", "hexcode": "26FA", "tags": ["camp"], "group": 5, "subgroup": 53},
    {"label": "judge", "hexcode": "1F9D1", "tags": ["law"], "group": 1, "subgroup": 25},
    {"label": "man judge", "hexcode": "1F468", "tags": ["law"], "group": 1, "subgroup": 25},
    {"label": "one o’clock", "hexcode": "1F550", "tags": ["time"], "group": 5, "subgroup": 58},
    {"label": "up arrow", "hexcode": "2B06", "tags": ["sign"], "group": 8, "subgroup": 85},
    {"label": "family", "hexcode": "1F46A", "tags": ["home"], "group": 1, "subgroup": 30},
]
SUBGROUPS = {
    "25": "person-role", "30": "family", "42": "food-fruit", "53": "place-other", "58": "time",
    "85": "arrow",
}  # fmt: skip


def write_package(folder: Path, files: dict[str, object]) -> Path:
    """Write a package as it lies unpacked."""
    for name, content in files.items():
        path = folder / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    return folder


@pytest.fixture
def word_package(tmp_path: Path) -> Path:
    return write_package(
        tmp_path / "words",
        {"en/data.json": WORDS, "meta/groups.json": {"subgroups": SUBGROUPS}},
    )


@pytest.fixture
def icon_package(tmp_path: Path) -> Path:
    icons = {
        "width": 64,
        "height": 64,
        "icons": {
            "red-apple": {"body": RED},
            "campsite": {"body": BLUE},
            "judge": {"body": NOTHING},
        },
        "aliases": {"persons-tent": {"parent": "campsite"}},
    }
    return write_package(tmp_path / "icons", {"icons.json": icons})


@pytest.fixture
def registry(
    tmp_path: Path, word_package: Path, icon_package: Path, monkeypatch: pytest.MonkeyPatch
) -> list[Source]:
    """A stand-in `npm` that packs the two packages, and the sources that name them."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    sources = []
    pairs = [(WORD_SOURCE, word_package), (PICTURE_SOURCES[0], icon_package)]
    for source, package in pairs:
        name = source.package.replace("/", "-").strip("@")
        tarball = shelf / f"{name}-{source.version}.tgz"
        with tarfile.open(tarball, "w:gz") as archive:
            archive.add(package / "package", "package")
        sources.append(replace(source, sha256=sha256(tarball.read_bytes()).hexdigest()))
    write_npm(tmp_path / "bin", shelf, monkeypatch)
    return sources


def write_npm(folder: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an `npm` first on the path that knows `pack` and serves the tarballs of `shelf`."""
    script = (
        "import pathlib, shutil, sys\n"
        "destination, spec = sys.argv[sys.argv.index('--pack-destination') + 1], sys.argv[-1]\n"
        "name, _, version = spec.rpartition('@')\n"
        "file = name.replace('/', '-').strip('@') + '-' + version + '.tgz'\n"
        f"source = pathlib.Path({str(shelf)!r}) / file\n"
        "if not source.exists(): sys.exit('npm error 404 no such package')\n"
        "shutil.copy(source, destination); print(file)\n"
    )
    write_command(folder, "npm", [sys.executable, "-c", script], monkeypatch)


def write_command(
    folder: Path, name: str, command: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put a command of this name on a path of its own."""
    folder.mkdir()
    path = folder / name
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
