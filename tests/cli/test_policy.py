"""`ninefold policy` says what the policy says, and fails where a policy is not good enough."""

import json
from pathlib import Path

from ninefold.safety.policy_file import default_policy_text
from tests.cli.conftest import RunInside

PROMPTS = Path(__file__).parents[1] / "safety" / "prompts.jsonl"
HARSH = """
format: ninefold-policy-1
version: harsh
appeal: Write to us.
categories: {cats: {title: cats, action: warn, rules: [{id: cats, terms: [cat]}]}}
"""


def test_an_innocent_prompt_is_allowed(ninefold: RunInside) -> None:
    result = ninefold("policy", "check", "a cock crowing at dawn")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("allow: ")


def test_a_refusal_names_its_rule_and_how_to_object(ninefold: RunInside) -> None:
    result = ninefold("policy", "check", "a swastika flag")
    assert result.code == 0
    assert result.out.startswith("refuse: ")
    assert "hate-terms" in result.out
    assert "mistake" in result.err


def test_json_is_the_record_of_the_verdict(ninefold: RunInside) -> None:
    document = json.loads(
        ninefold("policy", "check", "a woman", "--negative", "clothes", "--json").out
    )
    assert (document["action"], document["category"]) == ("refuse", "sexual")


def test_a_policy_of_ones_own_is_asked(ninefold: RunInside, workplace: Path) -> None:
    (workplace / "harsh.yaml").write_text(HARSH, encoding="utf-8")
    result = ninefold("policy", "check", "a cat", "--policy", "harsh.yaml")
    assert result.out.startswith("warn: ")
    assert result.err == "Write to us.\n"


def test_a_mistake_in_a_policy_is_the_users(ninefold: RunInside, workplace: Path) -> None:
    (workplace / "bad.yaml").write_text(HARSH.replace("warn", "growl"), encoding="utf-8")
    result = ninefold("policy", "test", "--policy", "bad.yaml", "--prompts", str(PROMPTS))
    assert (result.code, result.out) == (2, "")
    assert "bad.yaml, categories.cats.action has to be one of" in result.err


def test_the_test_prints_both_halves_and_passes(ninefold: RunInside) -> None:
    result = ninefold("policy", "test", "--prompts", str(PROMPTS))
    assert (result.code, result.err) == (0, "")
    assert result.out.index("| tuning |") < result.out.index("| held-out |")
    assert "`sexual_minors`" in result.out


def test_the_test_fails_for_a_policy_that_is_not_good_enough(
    ninefold: RunInside, workplace: Path
) -> None:
    (workplace / "harsh.yaml").write_text(HARSH, encoding="utf-8")
    result = ninefold("policy", "test", "--policy", "harsh.yaml", "--prompts", str(PROMPTS))
    assert result.code == 1
    assert "worse than" in result.err


def test_without_the_repositorys_prompts_the_test_says_so(ninefold: RunInside) -> None:
    result = ninefold("policy", "test")
    assert result.code == 2
    assert "prompts.jsonl cannot be read" in result.err


def test_the_policy_that_is_shown_can_be_used(ninefold: RunInside, workplace: Path) -> None:
    shown = ninefold("policy", "show").out
    assert shown == default_policy_text()
    (workplace / "mine.yaml").write_text(shown, encoding="utf-8")
    assert ninefold("policy", "check", "a pear", "--policy", "mine.yaml").code == 0
