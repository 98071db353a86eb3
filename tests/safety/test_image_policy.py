"""Pictures are judged in one batch, and the wider the audience the stricter."""

import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ninefold.errors import CheckpointError
from ninefold.safety.image_policy import (
    Audience,
    ImagePolicy,
    OpenNsfw,
    Thresholds,
    find_weights,
    prepare,
)
from ninefold.safety.onnx_classifier import OnnxClassifier
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


ONNX_RUNTIME = """
import sys
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
pixels = np.load(sys.argv[2])
np.save(sys.argv[3], session.run(None, {session.get_inputs()[0].name: pixels})[0])
"""


def test_the_classifier_says_what_onnx_runtime_says_of_its_file(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    noise = chance.integers(0, 256, (2, 300, 200, 3), np.uint8)
    pictures = [sketch(1), sketch(2).convert("RGBA"), *map(Image.fromarray, noise)]
    pixels = np.stack([prepare(picture) for picture in pictures])
    np.save(tmp_path / "pixels.npy", pixels)
    # In a process and a home of its own: what it writes at its import is what we do without.
    subprocess.run(
        [sys.executable, "-c", ONNX_RUNTIME, str(find_weights())]
        + [str(tmp_path / name) for name in ("pixels.npy", "scores.npy")],
        check=True,
        env={**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")},
    )
    expected = np.load(tmp_path / "scores.npy")[:, 1]
    assert OpenNsfw().scores(pictures) == pytest.approx(expected.tolist(), abs=1e-5)
    assert np.ptp(expected) > 1e-3


def test_no_pictures_have_no_scores() -> None:
    assert OpenNsfw().scores([]) == []


def test_judging_imports_neither_onnx_runtime_nor_the_package_that_would() -> None:
    code = (
        "import sys; from PIL import Image; from ninefold.safety.image_policy import OpenNsfw; "
        "OpenNsfw().scores([Image.new('RGB', (9, 9))]); "
        "print([name for name in sys.modules if name.startswith(('onnx', 'opennsfw'))])"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize("damage", ["cut", "other operator", "empty"])
def test_a_damaged_file_is_refused_by_its_name(tmp_path: Path, damage: str) -> None:
    data, path = find_weights().read_bytes(), tmp_path / "open-nsfw.onnx"
    changed = {
        "cut": data[: len(data) // 2],
        "other operator": data.replace(b"\x04Relu", b"\x04Gelu"),
        "empty": b"",
    }
    path.write_bytes(changed[damage])
    with pytest.raises(CheckpointError, match=r"'open-nsfw\.onnx' is not a classifier"):
        OnnxClassifier(path)
