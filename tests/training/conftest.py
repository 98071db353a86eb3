"""A small made-up corpus in the format that the builder writes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from ninefold.corpus.build import Record, manifest
from ninefold.corpus.lexicon import LEXICON_FILE, Entry, write_lexicon
from ninefold.training import pocket
from ninefold.training.config import TrainConfig
from ninefold.training.pictures import PictureSet
from ninefold.training.recipes import clip, dallebart
from ninefold.training.recipes.vqgan import POCKET_VQGAN, VQGANTask
from ninefold.training.recipes.vqgan import SOURCES as TRAINED
from ninefold.training.recipes.vqgan_decoder import VQGANDecoderTask
from ninefold.training.task import Task
from tests.tiny import CLIP_CONFIG, LOCAL_VQGAN, THINGS_DALLEBART

TINY_CLIP = replace(CLIP_CONFIG, max_positions=32)

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
    """Ten pictures of pocket's size."""
    return write_corpus(tmp_path_factory.mktemp("made") / "corpus", POCKET_VQGAN.resolution)


@pytest.fixture(scope="session")
def pictures(corpus: Path) -> PictureSet:
    return PictureSet(corpus, TRAINED)


@pytest.fixture(scope="session")
def small_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same pictures in the size of the tiny VQGAN with local codes."""
    return write_corpus(tmp_path_factory.mktemp("small") / "corpus", LOCAL_VQGAN.resolution)


@pytest.fixture(scope="session")
def small_pictures(small_corpus: Path) -> PictureSet:
    return PictureSet(small_corpus, TRAINED)


@pytest.fixture(scope="session")
def wordnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A WordNet that holds no words: every word of the lexicon is then a noun."""
    folder = tmp_path_factory.mktemp("wordnet")
    for name in ("noun", "verb", "adj", "adv"):
        (folder / f"index.{name}").write_text("  1 a licence\n")
    return folder


@pytest.fixture(scope="session")
def tiny_pocket() -> Iterator[None]:
    """Makes pocket's recipes those of tiny networks, a batch of a few and short previews."""

    def shrunk(module: str, recipe: str, num_samples: int) -> None:
        made: Callable[..., tuple[Task, TrainConfig]] = getattr(import_module(module), recipe)

        def make(*args: object) -> tuple[Task, TrainConfig]:
            task, config = made(*args)
            return task, replace(config, batch_size=num_samples)

        patch.setattr(pocket, recipe, make)

    with pytest.MonkeyPatch.context() as patch:
        recipes = "ninefold.training.recipes"
        patch.setattr(pocket, "POCKET_VQGAN", replace(LOCAL_VQGAN, decoder_ch=12))
        patch.setattr(pocket, "CODES_VQGAN", LOCAL_VQGAN)
        patch.setattr(clip, "POCKET_CLIP", TINY_CLIP)
        patch.setattr(dallebart, "SAMPLE_PROMPTS", ("a red apple",))
        patch.setattr(VQGANTask.__init__, "__defaults__", (LOCAL_VQGAN, 0))
        decoder = replace(LOCAL_VQGAN, decoder_ch=12)
        patch.setattr(VQGANDecoderTask.__init__, "__defaults__", (decoder, 3))
        patch.setattr(dallebart.DalleBartTask.__init__, "__defaults__", (THINGS_DALLEBART, 2))
        patch.setattr(clip.CLIPTask.__init__, "__defaults__", (TINY_CLIP, 1))
        shrunk(f"{recipes}.vqgan", "pocket_vqgan", 2)
        shrunk(f"{recipes}.vqgan_decoder", "pocket_vqgan_decoder", 2)
        shrunk(f"{recipes}.dallebart", "pocket_dallebart", 4)
        shrunk(f"{recipes}.clip", "pocket_clip", 8)
        yield
