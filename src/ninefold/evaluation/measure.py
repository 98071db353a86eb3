"""One measurement of a model: draw the prompts of every split, judge the pictures, sum up.

What draws comes in as a function, so that any backend that gives `Drawing`s can be measured. Knows
nothing of files; what a report looks like is in `report`.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ninefold.drawing import Drawing
from ninefold.evaluation.diversity import count_distinct, mean_distance, thumbnail
from ninefold.evaluation.fidelity import frechet_distance
from ninefold.evaluation.judge import Judge
from ninefold.evaluation.near_copies import NearCopies, TrainingPictures, find_near_copies
from ninefold.evaluation.prompts import Case, Split
from ninefold.evaluation.retrieval import Precision, build_pools, find_captions, precision
from ninefold.generation.params import SamplingParams

Draw = Callable[[str, SamplingParams], Drawing]
OnDrawn = Callable[[], None]


@dataclass(frozen=True)
class DrawnSplit:
    """A split with what was drawn for it: for each case, its pictures, best first if ranked."""

    split: Split
    pictures: tuple[tuple[Image.Image, ...], ...]
    is_ranked: bool


@dataclass(frozen=True)
class SplitResult:
    """What was measured on one split."""

    name: str
    title: str
    pool_size: int
    drawn: Precision
    """All pictures of a prompt."""
    first: Precision | None
    """The picture that CLIP put first; None where the model has no CLIP."""
    real: Precision
    """Real pictures of the same captions: the upper bound."""
    share_of_real: float
    """`drawn` as a share of `real`."""
    target: float | None
    """What `share_of_real` is to reach, where that is set."""
    distance: float
    """Mean of 1 − cosine over the pairs of a prompt's pictures."""
    distinct: float
    """Mean number of different pictures among those of a prompt."""
    near_copies: float | None
    """Share of pictures that are near copies of training pictures; None where not measured."""


@dataclass(frozen=True)
class JudgedSplit:
    """The result of a split, and what the measures over all splits need."""

    result: SplitResult
    features: NDArray[np.float32]
    """(N, C) of the drawn pictures."""
    real_features: NDArray[np.float32]
    """(M, C) of all real pictures of the same captions."""
    found: tuple[tuple[bool, ...], ...]
    """For each case, whether each of its pictures was told by its caption."""
    copies: NearCopies | None


def draw_split(
    draw: Draw, split: Split, params: SamplingParams, on_drawn: OnDrawn = lambda: None
) -> DrawnSplit:
    """Draw every case of a split.

    Args:
        draw: such as `TextToImage.draw`.
        split: what to draw.
        params: how; case `n` is drawn with the seed `params.seed + n`.
        on_drawn: called after each prompt.
    """
    rows, ranked = [], []
    for number, case in enumerate(split.cases):
        drawing = draw(case.caption, dataclasses.replace(params, seed=params.seed + number))
        rows.append(tuple(picture.image for picture in drawing.pictures))
        ranked.append(all(picture.score is not None for picture in drawing.pictures))
        on_drawn()
    return DrawnSplit(split, tuple(rows), all(ranked))


def judge_split(
    judge: Judge, drawn: DrawnSplit, training: TrainingPictures | None = None
) -> JudgedSplit:
    """Measure what was drawn for a split.

    Args:
        judge: the evaluator.
        drawn: by `draw_split`.
        training: pictures that near copies are looked for among; None looks for none.
    """
    split, cases = drawn.split, drawn.split.cases
    texts, pools = _read_pools(judge, split)
    flat, owners = _flatten(drawn.pictures)
    vectors, features = judge.see_pictures(flat)
    found = find_captions(vectors, owners, texts, pools)
    first = np.unique(owners, return_index=True)[1]
    real, real_owners = _flatten([case.real for case in cases])
    real_found = find_captions(judge.see_pictures(real)[0], real_owners, texts, pools)
    thumbnails = np.stack([thumbnail(image) for image in flat])
    groups = [owners == owner for owner in range(len(cases))]
    copies = None if training is None else find_near_copies(thumbnails, training)
    of_drawn, of_real = precision(found, owners), precision(real_found, real_owners)
    result = SplitResult(
        name=split.name,
        title=split.title,
        pool_size=pools.shape[1],
        drawn=of_drawn,
        first=precision(found[first], owners[first]) if drawn.is_ranked else None,
        real=of_real,
        share_of_real=of_drawn.rate / of_real.rate if of_real.rate else 0.0,
        target=split.target,
        distance=float(np.mean([mean_distance(vectors[group]) for group in groups])),
        distinct=float(np.mean([count_distinct(thumbnails[group]) for group in groups])),
        near_copies=None if copies is None else copies.rate,
    )
    crowd = judge.see_pictures(_flatten([case.crowd for case in cases])[0])[1]
    rows = tuple(tuple(found[group].tolist()) for group in groups)
    return JudgedSplit(result, features, crowd, rows, copies)


def crowd_distance(judged: Sequence[JudgedSplit], seed: int = 0) -> tuple[float, float, int]:
    """Fréchet distance of all drawn from all real pictures, with equally many of both.

    Returns:
        The distance; that between two halves of the real pictures, which no model can be expected
        to fall below; and how many pictures of each kind were compared.
    """
    drawn = np.concatenate([split.features for split in judged])
    real = np.concatenate([split.real_features for split in judged])
    draw = np.random.Generator(np.random.Philox(key=[seed, 2]))
    real = real[draw.permutation(len(real))]
    count = min(len(drawn), len(real))
    half = len(real) // 2
    distance = frechet_distance(drawn[draw.permutation(len(drawn))[:count]], real[:count])
    return distance, frechet_distance(real[:half], real[half:]), count


def ranking_gain(results: Sequence[SplitResult]) -> float | None:
    """Mean over splits of how much oftener the first of nine is told than the mean of the nine."""
    gains = [result.first.rate - result.drawn.rate for result in results if result.first]
    return float(np.mean(gains)) if gains else None


def real_distance(judge: Judge, cases: Sequence[Case]) -> float:
    """Mean of 1 − cosine over pairs of real pictures of one caption, where there are several."""
    distances = [
        mean_distance(judge.see_pictures(case.crowd)[0]) for case in cases if len(case.crowd) > 1
    ]
    return float(np.mean(distances)) if distances else 0.0


def _read_pools(judge: Judge, split: Split) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Vectors of all captions of a split, those of its cases first, and the pools of the cases."""
    captions = [case.told_by or case.caption for case in split.cases]
    captions += [caption for caption, _ in split.others]
    keys = [case.keys for case in split.cases] + [of_other for _, of_other in split.others]
    decoys = []
    for case in split.cases:
        decoys.append(range(len(captions), len(captions) + len(case.decoys)))
        captions += case.decoys
    return judge.read_captions(captions), build_pools(keys, decoys)


def _flatten(
    rows: Sequence[Sequence[Image.Image]],
) -> tuple[list[Image.Image], NDArray[np.int64]]:
    """Pictures of all rows in one list, and the row of each."""
    owners = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    return [image for row in rows for image in row], owners
