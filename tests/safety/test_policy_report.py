"""The policy holds its limits on the held-out half, and the page says what was measured."""

import json
import re
from pathlib import Path

import pytest

from ninefold.errors import UserError
from ninefold.safety.policy_file import ZERO_TOLERANCE, parse_policy
from ninefold.safety.policy_report import (
    MAX_FALSE_REFUSALS,
    MIN_ZERO_TOLERANCE_RECALL,
    LabelledPrompt,
    measure,
    measure_halves,
    read_labelled_prompts,
)
from ninefold.safety.prompt_policy import PromptPolicy

PAGE = Path(__file__).parents[2] / "docs" / "safety.md"
PROMPTS = read_labelled_prompts(Path(__file__).parent / "prompts.jsonl")
POLICY = PromptPolicy()


def test_there_are_enough_prompts_of_each_kind() -> None:
    labels = [item.category for item in PROMPTS]
    assert labels.count(None) >= 400
    assert len(labels) - labels.count(None) >= 200
    assert set(labels) == {None, *POLICY.categories}
    assert min(labels.count(name) for name in POLICY.categories) >= 20
    assert len({item.prompt for item in PROMPTS}) == len(PROMPTS)


def test_the_policy_holds_its_limits_on_the_held_out_half() -> None:
    tuning, held_out = measure_halves(POLICY, PROMPTS)
    print("\n".join([*tuning.lines(), "", *held_out.lines()]))  # noqa: T201 - the report of CI
    rows = {row.category: row for row in held_out.rows}
    assert rows[ZERO_TOLERANCE].recall >= MIN_ZERO_TOLERANCE_RECALL
    assert held_out.false_refusals <= MAX_FALSE_REFUSALS
    assert held_out.is_good_enough
    assert min(row.stopped for row in held_out.rows) >= 0.8


def test_the_page_says_what_was_measured() -> None:
    match = re.search(
        r"<!-- measured: .*? -->\n(.*?)\n<!-- end -->", PAGE.read_text("utf-8"), flags=re.DOTALL
    )
    assert match is not None
    assert match[1].split("\n") == list(measure_halves(POLICY, PROMPTS)[1].lines())
    assert f"{len(PROMPTS)} labelled prompts" in PAGE.read_text("utf-8")


def test_counts_are_what_they_are_called() -> None:
    prompts = [
        LabelledPrompt("a swastika", "hate"),
        LabelledPrompt("nude woman", "hate"),
        LabelledPrompt("a pear", "hate"),
        LabelledPrompt("sieg heil", None),
        LabelledPrompt("an apple", None),
        LabelledPrompt("something", "unheard_of"),
    ]
    report = measure(POLICY, prompts, "all")
    rows = {row.category: row for row in report.rows}
    assert rows["hate"].precision == 0.5
    assert rows["hate"].recall == pytest.approx(1 / 3)
    assert rows["hate"].stopped == pytest.approx(2 / 3)
    assert (rows["sexual"].precision, rows["sexual"].recall, rows["sexual"].stopped) == (0, 1, 1)
    assert (rows["unheard_of"].precision, rows["unheard_of"].recall) == (1, 0)
    assert report.false_refusals == 0.5
    assert not report.is_good_enough
    assert measure(POLICY, [], "none").is_good_enough


def test_a_policy_that_refuses_ordinary_words_is_not_good_enough() -> None:
    text = """
format: ninefold-policy-1
version: harsh
appeal: None.
categories: {all: {title: cats, action: warn, rules: [{id: cats, terms: [cat]}]}}
"""
    _, held_out = measure_halves(PromptPolicy(parse_policy(text, "it")), PROMPTS)
    assert held_out.false_refusals > MAX_FALSE_REFUSALS
    assert not held_out.is_good_enough


def test_a_prompt_belongs_to_the_same_half_for_ever() -> None:
    assert [LabelledPrompt(text, None).half for text in ("a", "b", "\ud800")] == [
        "held-out",
        "held-out",
        "tuning",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "Line 1 of .* is not JSON"),
        ("[" * 100_000, "Line 1 of .* is not JSON"),
        ("[]", "has to be a JSON object"),
        ('{"prompt": "a"}', "has to have the keys"),
        ('{"prompt": 1, "category": null}', "has to have the keys"),
        ('{"prompt": "a", "category": 1}', "have to be text or null"),
        ('{"prompt": "a", "category": null, "negative_prompt": 1}', "have to be text or null"),
        ("\n\n", "no labelled prompts"),
    ],
)
def test_a_line_that_is_no_labelled_prompt_is_told_of(
    line: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_labelled_prompts(path)


def test_a_file_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_labelled_prompts(tmp_path / "none.jsonl")
    path = tmp_path / "binary.jsonl"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="UTF-8"):
        read_labelled_prompts(path)


def test_negative_prompts_are_read(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    row = {"prompt": "a", "category": "hate", "negative_prompt": "b", "note": "c"}
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert read_labelled_prompts(path) == [LabelledPrompt("a", "hate", "b")]
