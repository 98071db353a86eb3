"""Laws of ranking: the best first, ties in order, the same answer every time."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ninefold.generation.rerank import pick_best, rank, score_pictures
from ninefold.models.clip import CLIP, CLIPConfig

TINY = CLIPConfig(
    projection_dim=8,
    image_size=16,
    patch_size=8,
    vision_width=12,
    vision_layers=1,
    vision_heads=2,
    vision_intermediate_size=16,
    vocab_size=20,
    max_positions=6,
    text_width=12,
    text_layers=1,
    text_heads=2,
    text_intermediate_size=16,
    eos_token_id=2,
)
TEXT = torch.tensor([[0, 5, 6, 2, 1, 1]])


@pytest.fixture(scope="module")
def clip() -> CLIP:
    torch.manual_seed(0)
    return CLIP(TINY).eval()


def test_scores_are_the_logits_of_the_model(clip: CLIP) -> None:
    pixels = torch.rand(3, 3, 20, 20)
    scores = score_pictures(clip, pixels, TEXT)
    with torch.inference_mode():
        expected, _ = clip(clip.normalize(pixels), TEXT)
    torch.testing.assert_close(scores, expected[:, 0])


def test_one_text_may_come_without_a_batch_axis(clip: CLIP) -> None:
    pixels = torch.rand(3, 3, 20, 20)
    scores = score_pictures(clip, pixels, TEXT[0], TEXT[0] != 1)
    torch.testing.assert_close(scores, score_pictures(clip, pixels, TEXT))


def test_each_picture_may_have_a_text_of_its_own(clip: CLIP) -> None:
    pixels = torch.rand(2, 3, 16, 16)
    other = torch.tensor([[0, 9, 2, 1, 1, 1]])
    both = score_pictures(clip, pixels, torch.cat([TEXT, other]))
    torch.testing.assert_close(both[0], score_pictures(clip, pixels[:1], TEXT)[0])
    torch.testing.assert_close(both[1], score_pictures(clip, pixels[1:], other)[0])


def test_many_pictures_score_as_they_do_alone(clip: CLIP) -> None:
    pixels = torch.rand(35, 3, 16, 16)
    scores = score_pictures(clip, pixels, TEXT)
    assert scores.shape == (35,)
    torch.testing.assert_close(scores[33:34], score_pictures(clip, pixels[33:34], TEXT))


def test_scoring_twice_gives_the_same_bits(clip: CLIP) -> None:
    pixels = torch.rand(4, 3, 30, 20)
    assert torch.equal(score_pictures(clip, pixels, TEXT), score_pictures(clip, pixels, TEXT))


# Few distinct values, so that ties are common.
SCORES = st.lists(st.integers(-3, 3), min_size=1, max_size=40)


@given(SCORES)
def test_rank_is_best_first_and_stable(values: list[int]) -> None:
    expected = sorted(range(len(values)), key=lambda index: (-values[index], index))
    assert rank(torch.tensor(values, dtype=torch.float32)).tolist() == expected


@given(SCORES, st.data())
def test_the_picked_are_the_first_of_the_ranking(values: list[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(values)))
    scores = torch.tensor(values, dtype=torch.float32)
    assert pick_best(scores, count).tolist() == rank(scores)[:count].tolist()


@pytest.mark.parametrize("count", [0, 4])
def test_more_pictures_than_candidates_cannot_be_picked(count: int) -> None:
    with pytest.raises(ValueError, match="1 to the 3 candidates"):
        pick_best(torch.zeros(3), count)
