"""R-precision: a perfect embedding finds every caption, a random one a hundredth."""

import numpy as np
import pytest

from ninefold.evaluation.retrieval import build_pools, find_captions, precision


def unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def keys(count: int) -> list[frozenset[str]]:
    return [frozenset({str(number)}) for number in range(count)]


def test_a_perfect_embedding_finds_every_caption() -> None:
    texts = unit(np.random.default_rng(0).normal(size=(150, 32)))
    owners = np.repeat(np.arange(150), 3)
    found = find_captions(texts[owners], owners, texts, build_pools(keys(150)))
    assert precision(found, owners).rate == 1.0


def test_a_random_embedding_finds_one_in_a_hundred() -> None:
    draw = np.random.default_rng(0)
    texts, images = (unit(draw.normal(size=(size, 32))) for size in (300, 6000))
    owners = np.repeat(np.arange(300), 20)
    result = precision(find_captions(images, owners, texts, build_pools(keys(300))), owners)
    assert abs(result.rate - 0.01) < 4 * (0.01 * 0.99 / 6000) ** 0.5
    assert (result.num_prompts, result.num_pictures) == (300, 6000)


def test_an_embedding_that_says_nothing_finds_nothing() -> None:
    same = unit(np.ones((120, 8)))
    owners = np.arange(120)
    assert not find_captions(same, owners, same, build_pools(keys(120))).any()


def test_a_pool_has_its_own_caption_first_and_a_hundred_in_all() -> None:
    pools = build_pools(keys(130))
    assert pools.shape == (130, 100)
    assert (pools[:, 0] == np.arange(130)).all()
    assert all(len(set(pool)) == 100 for pool in pools.tolist())


def test_captions_that_mean_the_same_are_never_told_apart() -> None:
    dogs = [frozenset({"dog", "puppy"}), frozenset({"puppy"}), frozenset({"cat"})]
    assert build_pools(dogs).tolist() == [[0, 2], [1, 2], [2, pytest.approx(0, abs=1)]]


def test_captions_that_all_mean_the_same_cannot_be_measured() -> None:
    with pytest.raises(ValueError, match="means something else"):
        build_pools([frozenset({"dog"})] * 3)


def test_every_prompt_counts_alike_however_many_pictures_it_has() -> None:
    found = np.array([True, False, False, False])
    result = precision(found, np.array([0, 1, 1, 1]))
    assert result.rate == 0.5
    assert result.standard_error == pytest.approx(0.5)
