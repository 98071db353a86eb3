"""What the ranking CLIP learns from: things, scenes, and scenes that contradict those."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from ninefold.corpus.lexicon import LEXICON_FILE, read_lexicon
from ninefold.models.vqgan import VQGAN
from ninefold.training.encoded import EncodedPictures, encode_pictures, read_codes
from ninefold.training.pictures import PictureSet
from ninefold.training.pocket import PocketRun
from ninefold.training.recipes.clip import WORDS, CLIPTask, halfway, pocket_clip
from ninefold.training.recipes.vqgan import POCKET_VQGAN, SOURCES
from ninefold.training.restored import RestoredPictures


@pytest.fixture(scope="module")
def pictures(corpus: Path) -> PictureSet:
    return PictureSet(corpus, SOURCES)


@pytest.fixture(scope="module")
def restored(pictures: PictureSet, tmp_path_factory: pytest.TempPathFactory) -> RestoredPictures:
    folder = tmp_path_factory.mktemp("codes")
    torch.manual_seed(0)
    vqgan = VQGAN(POCKET_VQGAN)
    encode_pictures(vqgan, pictures, 6, folder)
    return RestoredPictures(vqgan, read_codes(folder))


@pytest.fixture(scope="module")
def tokenizer(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = PocketRun(tmp_path_factory.mktemp("run"), corpus, num_scenes=6)
    run.train_tokenizer()
    return run.root / "tokenizer"


def make_task(
    pictures: PictureSet, corpus: Path, tokenizer: Path, restored: RestoredPictures
) -> CLIPTask:
    lexicon = read_lexicon(corpus / LEXICON_FILE)
    return pocket_clip(pictures, lexicon, tokenizer, restored)[0]


def test_every_scene_stands_beside_one_that_contradicts_it(
    pictures: PictureSet, corpus: Path, tokenizer: Path, restored: RestoredPictures
) -> None:
    task = make_task(pictures, corpus, tokenizer, restored)
    pixels, ids, kinds = task.batch(0, 16)
    assert pixels.shape == (16, 3, 128, 128)
    assert len(ids) == len(kinds) == 16
    scenes, others = kinds[8:12], kinds[12:]
    assert (scenes >= len(task.kinds)).all()
    assert len(set(others.tolist())) == 4
    assert not set(others.tolist()) & set(kinds[:12].tolist())
    same = [torch.equal(ids[8 + n], ids[12 + n]) for n in range(4)]
    assert sum(same) < 4


def test_the_batch_of_a_step_is_the_same_after_a_resume(
    pictures: PictureSet, corpus: Path, tokenizer: Path, restored: RestoredPictures
) -> None:
    first = make_task(pictures, corpus, tokenizer, restored)
    first.batch(0, 12)
    again = make_task(pictures, corpus, tokenizer, restored)
    for ours, theirs in zip(first.batch(1, 12), again.batch(1, 12), strict=True):
        assert torch.equal(ours, theirs)


def test_a_corpus_without_scenes_is_learned_by_its_things(
    pictures: PictureSet, corpus: Path, tokenizer: Path, restored: RestoredPictures
) -> None:
    encoded: EncodedPictures = dataclasses.replace(
        restored.encoded, scenes=restored.encoded.scenes[:0]
    )
    task = make_task(pictures, corpus, tokenizer, RestoredPictures(VQGAN(POCKET_VQGAN), encoded))
    assert (task.batch(0, 12)[2] < len(task.kinds)).all()


def test_a_restored_picture_is_what_its_codes_decode_to(restored: RestoredPictures) -> None:
    torch.manual_seed(0)
    vqgan = VQGAN(POCKET_VQGAN).eval()
    codes = torch.from_numpy(restored.encoded.things[2, 1].astype(np.int64))[None]
    with torch.inference_mode():
        pixels = vqgan.decode(codes)[0].permute(1, 2, 0) * 255
    shown = restored.thing(2, is_mirrored=True)
    assert shown.shape == (128, 128, 3)
    # Autocast may round where the processor multiplies bfloat16.
    assert np.abs(shown - pixels.numpy()).mean() < 4
    assert np.abs(shown - pixels.numpy()[:, ::-1]).mean() > 20
    assert restored.scene(3).shape == (128, 128, 3)


def test_halfway_lies_between_and_takes_new_words_whole() -> None:
    words = f"{WORDS}.weight"
    start = {"bias": torch.tensor([0.0]), words: torch.zeros(2, 3)}
    end = {"bias": torch.tensor([1.0]), words: torch.ones(3, 3)}
    middle = halfway(start, end)
    assert float(middle["bias"]) == 0.5
    assert middle[words][:, 0].tolist() == [0.5, 0.5, 1.0]
