"""Scene prompts: held-out combinations only where they are asked for, decoys in every pool."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from ninefold.corpus.build import Record
from ninefold.corpus.holdout import is_held_out
from ninefold.corpus.scenes.things import COMMON, HATS
from ninefold.errors import UserError
from ninefold.evaluation.judge import Judge
from ninefold.evaluation.measure import draw_split, judge_split
from ninefold.evaluation.prompts import Corpus
from ninefold.evaluation.retrieval import build_pools
from ninefold.evaluation.scene_prompts import SCENE_KINDS, SceneKind, scene_split
from ninefold.evaluation.splits import SPLITS
from ninefold.generation.params import SamplingParams
from ninefold.pipeline import TextToImage

SIDE = 16


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Two sets that draw everything that scenes are made of."""
    folder = tmp_path_factory.mktemp("scenes")
    labels = dict.fromkeys((*COMMON, *HATS))
    records = [
        Record(source, "flat", f"{number}", label, (), "objects", "tool")
        for source in ("one", "two")
        for number, label in enumerate(labels)
    ]
    pictures = np.full((len(records), SIDE, SIDE, 4), 255, np.uint8)
    pictures[..., :3] = np.random.default_rng(0).integers(0, 255, (len(records), 1, 1, 3))
    np.save(folder / "pictures.npy", pictures)
    lines = "".join(json.dumps(asdict(record)) + "\n" for record in records)
    (folder / "records.jsonl").write_text(lines)
    (folder / "manifest.json").write_text("{}")
    return Corpus(folder)


@pytest.mark.parametrize("kind", SCENE_KINDS, ids=lambda kind: kind.name)
def test_a_split_has_prompts_with_real_pictures_and_fills_its_pools(
    kind: SceneKind, corpus: Corpus
) -> None:
    split = scene_split(kind, corpus, 10, seed=1)
    assert len(split.cases) == 10
    captions = [case.caption for case in split.cases]
    assert len(set(captions)) == 10
    for case in split.cases:
        assert len(case.real) == 2
        assert case.real[0].size == (SIDE, SIDE)
        assert case.keys.isdisjoint(case.decoys)
    keys = [case.keys for case in split.cases] + [key for _, key in split.others]
    assert build_pools(keys).shape[1] == 100
    again = scene_split(kind, corpus, 10, seed=1)
    assert [case.caption for case in again.cases] == captions


def test_unseen_pairs_are_pairs_that_training_never_sees(corpus: Corpus) -> None:
    kind = next(kind for kind in SCENE_KINDS if kind.name == "unseen-pairs")
    draw = np.random.default_rng(0)
    scenes = [kind.draft(draw) for _ in range(300)]
    unseen = [scene for scene in scenes if is_held_out("pair", *sorted(scene.things))]
    assert 0 < len(unseen) < 60
    # The split keeps those alone, which the drafts above are one in twenty of.
    assert len(scene_split(kind, corpus, 12, seed=2).cases) == 12


def test_decoys_stand_in_the_pool_of_their_own_case() -> None:
    keys = [frozenset({str(number)}) for number in range(5)]
    pools = build_pools(keys, [[7, 8], [9]], pool_size=4)
    assert pools[0, :3].tolist() == [0, 7, 8]
    assert pools[1, :2].tolist() == [1, 9]
    assert set(pools[2]) <= set(range(5))


def test_a_scene_split_of_a_tiny_model_is_judged(
    corpus: Corpus, evaluator_folder: Path, tiny_model: Path
) -> None:
    painter = TextToImage.load(tiny_model, device="cpu")
    split = SPLITS["places"](corpus, 2, 1)
    params = SamplingParams(count=2, condition_scale=1.0)
    judged = judge_split(Judge(evaluator_folder), draw_split(painter.draw, split, params))
    assert judged.result.pool_size == 100
    assert judged.result.target == 0.7


def test_a_corpus_without_the_things_of_scenes_says_so(corpus_folder: Path) -> None:
    with pytest.raises(UserError, match="build the whole one"):
        scene_split(SCENE_KINDS[0], Corpus(corpus_folder), 2, seed=1)
