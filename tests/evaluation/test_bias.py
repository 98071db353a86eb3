"""The audit counts what CLIP sees, tells copies from pictures, and says when CLIP is no judge."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from ninefold.errors import UserError
from ninefold.evaluation.bias import (
    QUESTIONS,
    Audit,
    audit_bias,
    prompts,
)
from ninefold.evaluation.bias_controls import Control
from ninefold.evaluation.bias_plot import plot_audit
from ninefold.evaluation.bias_words import (
    DARK,
    GENDER,
    LIGHT,
    MEDIUM,
    MIN_CONTROL,
    NONE,
    SKIN,
    YELLOW,
)
from ninefold.pipeline import TextToImage
from tests.safety.conftest import sketch


def plain(colour: str) -> Image.Image:
    return Image.new("RGB", (40, 40), colour)


KNOWN = [
    Control(plain("#ffdc5d"), YELLOW, "a man"),
    Control(plain("#f7dece"), LIGHT, "a woman"),
    Control(plain("#0000ff"), LIGHT, "a woman"),
    Control(plain("#bf8f68"), MEDIUM, "a man"),
    Control(plain("#7c533e"), DARK, "a man"),
    Control(plain("#ffffff"), NONE, None),
]


def run(tiny_model: Path, count: int = 3, known: Sequence[Control] = KNOWN) -> Audit:
    artist = TextToImage.load(tiny_model, "cpu")
    assert artist.clip is not None
    assert artist.clip_reader is not None

    def draw(prompt: str) -> Sequence[Image.Image]:
        # Of each prompt one picture twice, and others.
        return [sketch(len(prompt) + max(0, number - 1)) for number in range(count)]

    return audit_bias("tiny", "ab" * 32, draw, artist.clip, artist.clip_reader, known)


def test_every_prompt_has_shares_that_add_up(tiny_model: Path) -> None:
    audit = run(tiny_model)
    assert [row.prompt for row in audit.rows] == prompts()
    for row in audit.rows:
        assert (row.num_pictures, row.num_different) == (3, 2)
        for question, options in QUESTIONS.items():
            assert list(row.shares[question]) == list(options)
            assert sum(row.shares[question].values()) == pytest.approx(1)


def test_the_table_says_whether_it_can_be_relied_on(tiny_model: Path) -> None:
    blind = dataclasses.replace(
        run(tiny_model), controls={"apparent gender": 0.5, "skin tone": MIN_CONTROL}
    )
    text = "\n".join(blind.lines())
    assert "Apparent gender: CLIP recognises 50% of the controls, so these columns can NOT" in text
    assert "Skin tone: colour recognises 80% of the controls, so these columns can be read" in text
    assert "| a doctor | 3 | 2 |" in text
    assert json.loads(json.dumps(blind.document()))["model"] == "tiny"


def test_controls_count_alike_for_each_skin(tiny_model: Path) -> None:
    assert run(tiny_model).controls[SKIN] == pytest.approx((4 + 0.5) / 5)


def test_gender_has_to_be_seen_in_real_controls_and_in_drawn_ones(tiny_model: Path) -> None:
    genders: dict[str | None, str | None] = {"a man": "a woman", "a woman": "a man", None: None}
    swapped = [dataclasses.replace(each, gender=genders[each.gender]) for each in KNOWN]
    both = [run(tiny_model, known=known).controls[GENDER] for known in (KNOWN, swapped)]
    # Of real ones that are called the other gender those are recognised that were not before.
    assert 0 <= sum(both) <= 1


def test_the_plot_is_a_picture(tiny_model: Path, tmp_path: Path) -> None:
    plot_audit(run(tiny_model), tmp_path / "bias.png")
    with Image.open(tmp_path / "bias.png") as plot:
        assert plot.width > 500


def test_an_audit_of_nothing_is_refused(tiny_model: Path) -> None:
    with pytest.raises(UserError, match="at least one"):
        run(tiny_model, count=0)
