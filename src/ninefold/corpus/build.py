"""Build the corpus: fetch the packages, render every picture, write one folder.

The folder holds `pictures.npy` (N, size, size, 4) RGBA, `records.jsonl` (a line a picture, in the
same order) and `manifest.json`, which is written last: a folder with a manifest is complete.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ninefold.atomic_file import atomic_write
from ninefold.corpus.captions import names_of
from ninefold.corpus.emoji import Emoji, read_emoji, read_pictures
from ninefold.corpus.languages import foreign_names
from ninefold.corpus.lexicon import (
    LEXICON_FILE,
    build_lexicon,
    common_words,
    read_lexicon,
    write_lexicon,
)
from ninefold.corpus.render import render
from ninefold.corpus.sentence_encoder import SentenceEncoder
from ninefold.corpus.sources import PICTURE_SOURCES, WORD_SOURCE, Source, fetch_package
from ninefold.corpus.wordnet import Nouns
from ninefold.text import TextNormalizer

FORMAT = "ninefold-corpus-1"
MANIFEST_FILE = "manifest.json"
PICTURES_FILE = "pictures.npy"
RECORDS_FILE = "records.jsonl"


@dataclass(frozen=True)
class Record:
    """One picture of the corpus."""

    source: str
    style: str
    hexcode: str
    label: str
    tags: tuple[str, ...]
    group: str
    subgroup: str
    captions: tuple[str, ...] = ()
    """What a person wrote of it; where there is any, none is made of label and tags."""


def build_corpus(
    folder: Path,
    cache: Path,
    size: int = 64,
    num_workers: int = 2,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Build the corpus in `folder`, unless it is there, and return the number of its pictures.

    Args:
        folder: where to write; left untouched until everything is rendered.
        cache: folder of fetched packages.
        size: side of the pictures in pixels.
        num_workers: processes that render.
        on_progress: called with (pictures done, pictures in all).

    Raises:
        UserError: `npm` is missing.
        DownloadError: a package could not be fetched.
        CheckpointError: a package is damaged or not the pinned one.
    """
    if is_built(folder, size):
        return int(json.loads((folder / MANIFEST_FILE).read_text())["num_pictures"])
    documents = list(_documents(cache))
    records, pictures = [], []
    with ProcessPoolExecutor(num_workers) as pool:
        svgs = [svg for _, _, svg in documents]
        rendered = pool.map(partial(render, size=size), svgs, chunksize=32)
        for index, ((source, emoji, _), picture) in enumerate(
            zip(documents, rendered, strict=True)
        ):
            on_progress(index + 1, len(documents))
            if picture is not None:
                records.append(Record(source.name, source.style, **asdict(emoji)))
                pictures.append(picture)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / PICTURES_FILE, np.stack(pictures))
    lines = "".join(json.dumps(asdict(record)) + "\n" for record in records)
    (folder / RECORDS_FILE).write_text(lines, encoding="utf-8")
    content = {**manifest(size), "num_pictures": len(records)}
    with atomic_write(folder / MANIFEST_FILE) as file:
        file.write(json.dumps(content, indent=1).encode())
    return len(records)


def build_words(folder: Path, cache: Path, wordnet: Path) -> int:
    """Write the lexicon of a corpus, unless it is there, and return the number of its words.

    Args:
        folder: of the corpus.
        cache: folder of fetched packages.
        wordnet: folder of WordNet's files.

    Raises:
        UserError: WordNet or the packages of the extra `train` are missing.
    """
    path = folder / LEXICON_FILE
    if not path.exists():
        package = fetch_package(WORD_SOURCE, cache)
        emoji = read_emoji(package)
        nouns, encoder = Nouns(wordnet), SentenceEncoder()
        names = (name for item in emoji for name in names_of(item.label) if " " not in name)
        words = list(dict.fromkeys([*common_words(), *names]))
        entries = build_lexicon(words, emoji, nouns, encoder.encode)
        known = {entry.word for entry in entries}
        entries += foreign_names(package, emoji, TextNormalizer(), known)
        write_lexicon(entries, path)
    return len(read_lexicon(path))


def is_built(folder: Path, size: int) -> bool:
    """Say whether `folder` holds the corpus that the pinned sources give at this size."""
    try:
        found = json.loads((folder / MANIFEST_FILE).read_text())
    except (OSError, ValueError):
        return False
    found.pop("num_pictures", None)
    return bool(found == manifest(size))


def read_records(folder: Path) -> list[Record]:
    """Read the records of a built corpus, in the order of its pictures."""
    with (folder / RECORDS_FILE).open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    lists = ("tags", "captions")
    return [
        Record(**{**row, **{name: tuple(row[name]) for name in lists if name in row}})
        for row in rows
    ]


def manifest(size: int) -> dict[str, object]:
    """Return what `manifest.json` says of a corpus of pictures of `size` pixels."""
    packages = {s.package: [s.version, s.sha256] for s in (*PICTURE_SOURCES, WORD_SOURCE)}
    return {"format": FORMAT, "size": size, "packages": packages}


def _documents(cache: Path) -> Iterator[tuple[Source, Emoji, str]]:
    emoji = read_emoji(fetch_package(WORD_SOURCE, cache))
    for source in PICTURE_SOURCES:
        for item, svg in read_pictures(fetch_package(source, cache), emoji):
            yield source, item, svg
