"""The samples of a step depend on the seed and the step alone."""

import numpy as np
import torch

from ninefold.data.token_dataset import TokenDataset

TEXTS = np.array([[[0, 10 * p + m, 2, 1, 1] for m in range(3)] for p in range(7)], np.int32)
CODES = np.array([[[p, k, p, k] for k in range(2)] for p in range(7)], np.int32)
DATASET = TokenDataset(TEXTS, CODES, np.array([0, 2, 1, 1, 1], np.int32))


def test_a_step_can_be_asked_for_alone() -> None:
    in_order = [DATASET.batch(step, 4, seed=0) for step in range(5)]
    alone = DATASET.batch(3, 4, seed=0)
    assert torch.equal(alone.text_tokens, in_order[3].text_tokens)
    assert torch.equal(alone.codes, in_order[3].codes)


def test_an_epoch_shows_every_picture_once() -> None:
    shown = np.concatenate([DATASET.batch(step, 1, seed=0).pictures for step in range(14)])
    assert sorted(shown[:7]) == sorted(shown[7:]) == list(range(7))
    assert list(shown[:7]) != list(shown[7:])


def test_caption_and_codes_are_of_the_same_picture() -> None:
    batch = DATASET.batch(0, 7, seed=1)
    assert [int(t) // 10 for t in batch.text_tokens[:, 1]] == list(batch.pictures)
    assert batch.codes[:, 0].tolist() == list(batch.pictures)


def test_texts_are_as_long_as_the_longest_of_the_batch() -> None:
    batch = DATASET.batch(0, 4, seed=0)
    assert batch.text_tokens.shape == (4, 3)
    assert bool(batch.text_mask.all())


def test_blanked_captions_are_the_unconditional_text() -> None:
    batch = DATASET.batch(0, 7, seed=0, blank=1.0)
    assert batch.text_tokens.tolist() == [[0, 2]] * 7
    few = [DATASET.batch(step, 7, seed=0, blank=0.3) for step in range(60)]
    share = np.mean([int(row[1]) == 2 for batch in few for row in batch.text_tokens])
    assert 0.2 < share < 0.4
