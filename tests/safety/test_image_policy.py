"""Pictures are judged in one batch, and the wider the audience the stricter."""

import math
from collections.abc import Sequence

import pytest
from PIL import Image

from ninefold.safety.image_policy import (
    Audience,
    ImagePolicy,
    OpenNsfw,
    Thresholds,
)
from tests.safety.conftest import sketch


class Told:
    """A classifier that says what it was told to, and counts batches."""

    def __init__(self, *scores: float) -> None:
        self.told, self.batches = list(scores), 0

    def scores(self, pictures: Sequence[Image.Image]) -> list[float]:
        self.batches += 1
        assert len(pictures) == len(self.told)
        return self.told


def test_the_wider_the_audience_the_lower_the_score_has_to_be() -> None:
    classifier = Told(0.1, 0.4, 0.7, 0.9, 1.0)
    verdicts = ImagePolicy(classifier).check([sketch(0)] * 5)
    assert classifier.batches == 1
    assert [verdict.audience for verdict in verdicts] == [
        Audience.GALLERY,
        Audience.SHARE_PAGE,
        Audience.OWNER,
        Audience.NOBODY,
        Audience.NOBODY,
    ]
    assert [verdict.is_hidden for verdict in verdicts] == [False, False, False, True, True]


def test_a_verdict_says_why_and_how_to_object() -> None:
    shown, hidden = ImagePolicy(Told(0.0, 0.95)).check([sketch(0)] * 2)
    assert shown.reason is None
    assert hidden.reason is not None
    assert "rule sexual-picture of open-nsfw-1" in hidden.reason
    assert "tell whoever runs this service" in hidden.reason


def test_a_score_that_is_no_number_hides() -> None:
    (verdict,) = ImagePolicy(Told(math.nan)).check([sketch(0)])
    assert verdict.is_hidden


def test_thresholds_may_not_let_more_people_see_more() -> None:
    with pytest.raises(ValueError, match="not rise"):
        Thresholds(owner=0.5, share_page=0.7)
    everything = ImagePolicy(Told(0.3), Thresholds(0.2, 0.2, 0.2)).check([sketch(0)])
    assert everything[0].is_hidden


def test_the_classifier_leaves_innocent_pictures_alone_alone_or_in_a_batch() -> None:
    classifier = OpenNsfw()
    pictures = [sketch(seed) for seed in range(9)]
    together = classifier.scores(pictures)
    assert len(together) == 9
    assert max(together) < Thresholds().gallery
    assert classifier.scores(pictures[:1])[0] == pytest.approx(together[0], abs=1e-3)
