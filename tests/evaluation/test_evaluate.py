"""A whole evaluation of a tiny model: every number is there, and the pictures are what they say."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ninefold.drawing import Drawing, Picture
from ninefold.errors import UserError
from ninefold.evaluation.diversity import thumbnail
from ninefold.evaluation.evaluate import EvaluationSettings, evaluate
from ninefold.evaluation.judge import Judge
from ninefold.evaluation.measure import draw_split, judge_split
from ninefold.evaluation.near_copies import TrainingPictures
from ninefold.evaluation.prompts import Corpus, Split, single_objects
from ninefold.evaluation.report import write_report
from ninefold.generation.params import SamplingParams
from ninefold.pipeline import TextToImage
from tests.evaluation.conftest import WORDS

PARAMS = SamplingParams(seed=5, count=4, condition_scale=1.0)


@pytest.fixture(scope="module")
def judge(evaluator_folder: Path) -> Judge:
    return Judge(evaluator_folder)


@pytest.fixture(scope="module")
def corpus(corpus_folder: Path) -> Corpus:
    return Corpus(corpus_folder)


@pytest.fixture(scope="module")
def split(corpus: Corpus) -> Split:
    return single_objects(corpus, 2, seed=1)


class Copier:
    """A model that draws a thing's own real pictures, or always the same one."""

    def __init__(self, split: Split, *, is_right: bool) -> None:
        self.by_caption = {case.caption: case for case in split.cases}
        self.is_right = is_right
        self.seeds: list[int] = []

    def draw(self, prompt: str, params: SamplingParams) -> Drawing:
        self.seeds.append(params.seed)
        case = self.by_caption[prompt] if self.is_right else next(iter(self.by_caption.values()))
        pictures = tuple(Picture(case.crowd[0], i, float(-i), ()) for i in range(params.count))
        return Drawing(prompt, params, pictures, "copier", "0" * 64, "float32", 32, ())


def test_a_split_asks_for_things_that_the_evaluator_has_not_seen_in_every_picture(
    corpus: Corpus, split: Split
) -> None:
    assert [len(split.cases), split.name] == [2, "single-objects"]
    for case in split.cases:
        assert 1 <= len(case.real) <= len(case.crowd) == 5
        assert case.caption.removeprefix("a ").removeprefix("an ") in WORDS
    again = single_objects(corpus, 2, seed=1)
    assert [case.caption for case in again.cases] == [case.caption for case in split.cases]


def test_what_is_drawn_is_compared_with_real_pictures(judge: Judge, split: Split) -> None:
    copier = Copier(split, is_right=True)
    right = judge_split(judge, draw_split(copier.draw, split, PARAMS))
    assert copier.seeds == [5, 6]
    # The pictures are the real ones, so they are told exactly as often; all of a prompt are equal.
    assert right.result.share_of_real in (0.0, 1.0)
    assert right.result.distance == pytest.approx(0.0, abs=1e-6)
    assert right.result.distinct == 1.0
    assert right.result.first == right.result.drawn.__class__(
        right.result.drawn.rate, right.result.drawn.standard_error, 2, 2
    )


def test_a_copied_training_picture_is_a_near_copy(judge: Judge, split: Split) -> None:
    drawn = draw_split(Copier(split, is_right=True).draw, split, PARAMS)
    known = np.stack([thumbnail(case.crowd[0]) for case in split.cases])
    for pictures, expected in ((known, 1.0), (255 - known, 0.0)):
        training = TrainingPictures(pictures, partial(np.take, pictures, axis=0))
        assert judge_split(judge, drawn, training).result.near_copies == expected


def test_a_whole_evaluation_of_a_tiny_model_is_written_and_read(
    judge: Judge, corpus: Corpus, split: Split, tiny_model: Path, tmp_path: Path
) -> None:
    painter = TextToImage.load(tiny_model, device="cpu")
    settings = EvaluationSettings(num_prompts=2, num_reconstructed=6)
    steps: list[tuple[int, int]] = []
    report, pictures = evaluate(
        painter,
        painter.draw,
        judge,
        corpus,
        [split],
        PARAMS,
        settings,
        lambda *step: steps.append(step),
    )
    assert steps == [(1, 2), (2, 2)]
    assert report.reconstruction.num_pictures == 6
    assert 0 < report.reconstruction.codebook_use <= 1
    assert report.ranking_gain is not None
    assert report.frechet_distance > 0
    write_report(report, pictures, tmp_path / "report", "ninefold evaluate")
    document = json.loads((tmp_path / "report/report.json").read_text())
    assert document["model_sha256"] == painter.config.sha256
    assert document["splits"][0]["drawn"]["num_pictures"] == 8
    page = (tmp_path / "report/report.md").read_text()
    for name in pictures:
        assert f"]({name})" in page
        with Image.open(tmp_path / "report" / name) as picture:
            assert min(picture.size) > 64
    write_report(report, pictures, tmp_path / "report", "ninefold evaluate")


def test_a_folder_of_other_things_is_not_replaced_by_a_report(
    judge: Judge, corpus: Corpus, split: Split, tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    painter = TextToImage.load(tiny_model, device="cpu")
    settings = EvaluationSettings(num_prompts=2, num_reconstructed=2)
    report, pictures = evaluate(painter, painter.draw, judge, corpus, [split], PARAMS, settings)
    with pytest.raises(UserError, match="name another folder"):
        write_report(report, pictures, tmp_path, "ninefold evaluate")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_folder_without_a_corpus_says_how_to_build_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ninefold corpus build --out"):
        Corpus(tmp_path)


def test_too_little_to_measure_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two"):
        EvaluationSettings(num_prompts=1)
