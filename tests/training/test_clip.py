"""What the ranking CLIP learns from: things, scenes, and scenes that contradict those."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ninefold.text.things import ThingTable
from ninefold.training.encoded import EncodedPictures, encode_pictures, read_codes
from ninefold.training.pictures import PictureSet
from ninefold.training.pocket import PocketRun
from ninefold.training.recipes.clip import WORDS, CLIPTask, pocket_clip
from ninefold.training.restored import RestoredPictures
from ninefold.training.sketches import sketch_things
from tests.tiny import LOCAL_VQGAN, build_vqgan


@pytest.fixture(scope="module")
def restored(
    small_pictures: PictureSet, tmp_path_factory: pytest.TempPathFactory
) -> RestoredPictures:
    folder = tmp_path_factory.mktemp("codes")
    vqgan = build_vqgan(LOCAL_VQGAN)
    sketches = sketch_things(vqgan, small_pictures.rgba)
    encode_pictures(vqgan, small_pictures, sketches, 6, folder, {})
    return RestoredPictures(vqgan, read_codes(folder))


@pytest.fixture(scope="module")
def tokenizer(corpus: Path, wordnet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = PocketRun(tmp_path_factory.mktemp("run"), corpus, num_scenes=6, wordnet=wordnet)
    run.train_tokenizer()
    return run.root / "tokenizer"


MakeTask = Callable[..., CLIPTask]


@pytest.fixture
def make_task(small_pictures: PictureSet, tokenizer: Path, restored: RestoredPictures) -> MakeTask:
    def make(shown: RestoredPictures = restored) -> CLIPTask:
        table = ThingTable.from_folder(tokenizer)
        assert table is not None
        return pocket_clip(small_pictures, table, tokenizer, shown)[0]

    return make


def test_every_scene_stands_beside_one_that_contradicts_it(make_task: MakeTask) -> None:
    task = make_task()
    pixels, ids, kinds = task.batch(0, 16)
    assert pixels.shape == (16, 3, 128, 128)
    assert len(ids) == len(kinds) == 16
    scenes, others = kinds[8:12], kinds[12:]
    assert (scenes >= len(task.kinds)).all()
    assert len(set(others.tolist())) == 4
    assert not set(others.tolist()) & set(kinds[:12].tolist())
    same = [torch.equal(ids[8 + n], ids[12 + n]) for n in range(4)]
    assert sum(same) < 4


def test_the_batch_of_a_step_is_the_same_after_a_resume(make_task: MakeTask) -> None:
    first = make_task()
    first.batch(0, 12)
    again = make_task()
    for ours, theirs in zip(first.batch(1, 12), again.batch(1, 12), strict=True):
        assert torch.equal(ours, theirs)


def test_a_corpus_without_scenes_is_learned_by_its_things(
    make_task: MakeTask, restored: RestoredPictures
) -> None:
    encoded: EncodedPictures = dataclasses.replace(
        restored.encoded, scenes=restored.encoded.scenes[:0]
    )
    task = make_task(RestoredPictures(build_vqgan(LOCAL_VQGAN), encoded))
    assert (task.batch(0, 12)[2] < len(task.kinds)).all()


def test_a_thing_is_one_entry_after_those_of_the_tokenizer(make_task: MakeTask) -> None:
    task = make_task()
    first = task.encoder.num_entries
    things = (task.things[0] >= first).sum(1)
    assert (things == 1).all()
    assert task.things.max() < task.model.config.vocab_size == first + len(task.numbers)


def test_a_restored_picture_is_what_its_codes_decode_to(restored: RestoredPictures) -> None:
    vqgan = build_vqgan(LOCAL_VQGAN)
    codes = torch.from_numpy(restored.encoded.things[2].astype(np.int64))[None]
    with torch.inference_mode():
        pixels = vqgan.decode(codes)[0].permute(1, 2, 0) * 255
    shown = restored.thing(2)
    assert shown.shape == (64, 64, 3)
    # Autocast may round where the processor multiplies bfloat16.
    assert np.abs(shown - pixels.numpy()).mean() < 4
    assert np.abs(shown - pixels.numpy()).mean() < np.abs(restored.thing(5) - pixels.numpy()).mean()
    assert restored.scene(3).shape == (64, 64, 3)


def test_it_goes_on_from_the_picture_tower_of_a_finished_model(make_task: MakeTask) -> None:
    task = make_task()
    weights = {name: torch.zeros_like(value) for name, value in task.model.state_dict().items()}
    task.start_from(weights)
    for name, value in task.model.named_parameters():
        if "vision" in name:
            assert not value.any(), name
    assert task.model.get_parameter(f"{WORDS}.weight").any()
