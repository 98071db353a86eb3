"""Verdicts order by strictness and explain themselves."""

import json

import pytest

from ninefold.safety.verdict import Action, Verdict, explain


def test_actions_are_ordered_from_mild_to_strict() -> None:
    assert [action.label for action in sorted(Action)] == ["allow", "warn", "hide", "refuse"]


@pytest.mark.parametrize("action", [Action.WARN, Action.HIDE, Action.REFUSE])
def test_an_explanation_is_one_sentence_that_names_the_rule_and_the_version(
    action: Action,
) -> None:
    sentence = explain(action, "graphic violence", "gore", "v7")
    assert sentence.count(".") == 1
    assert sentence.endswith(".")
    assert "graphic violence" in sentence
    assert "rule gore of policy v7" in sentence


def test_each_action_is_explained_in_its_own_words() -> None:
    assert len({explain(action, "x", "y", "z") for action in Action if action}) == 3


def test_only_a_refusal_is_refused() -> None:
    assert [Verdict(action, "1").is_refused for action in Action] == [False, False, False, True]


def test_a_record_is_plain_and_survives_json() -> None:
    record = Verdict(Action.HIDE, "1", "hate", "slogans", "Because.", "Write.").record()
    assert json.loads(json.dumps(record)) == {
        "action": "hide",
        "category": "hate",
        "rule": "slogans",
        "policy_version": "1",
        "reason": "Because.",
        "appeal": "Write.",
    }
