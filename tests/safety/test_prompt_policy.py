"""A policy refuses what its rules name, leaves the rest alone, and keeps no word of the prompt."""

import dataclasses
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninefold.safety.policy_file import ZERO_TOLERANCE, parse_policy
from ninefold.safety.prompt_policy import PromptPolicy
from ninefold.safety.verdict import Action

DEFAULT = PromptPolicy()
LEAN = """
format: ninefold-policy-1
version: own
appeal: Write.
groups: {a: [alpha], b: [beta], c: [gamma]}
allow: [alpha beta delta, naked child]
categories:
  mild: {title: mild, action: warn, rules: [{id: near, all: [a, b], within: 4, unless: [c]}]}
  strict: {title: strict, action: hide, rules: [{id: one, terms: [omega]}]}
  quiet: {title: quiet, action: allow, rules: [{id: none, terms: [sigma]}]}
  taken: {title: taken, action: refuse, rules: [{id: less, all: [a], negative: [c]}]}
"""
OWN = PromptPolicy(parse_policy(LEAN, "it"))


@pytest.mark.parametrize(
    "prompt",
    [
        "a cock crowing at dawn",
        "Scunthorpe",
        "shooting stars",
        "a naked mole rat",
        "chicken breast",
        "killing it",
    ],
)
def test_ordinary_language_is_left_alone(prompt: str) -> None:
    verdict = DEFAULT.check(prompt)
    assert verdict.action is Action.ALLOW
    assert (verdict.category, verdict.rule, verdict.appeal) == (None, None, "")


def test_an_allowed_phrase_frees_no_other_word() -> None:
    assert DEFAULT.check("a naked mole rat and a naked man").category == "sexual"


def test_a_refusal_says_which_rule_and_how_to_object_and_nothing_of_the_prompt() -> None:
    verdict = DEFAULT.check("a swastika, xylophone")
    assert verdict.is_refused
    assert (verdict.category, verdict.rule) == ("hate", "hate-terms")
    assert verdict.policy_version == DEFAULT.version
    assert "hate-terms" in verdict.reason
    assert verdict.appeal
    kept = str(dataclasses.asdict(verdict))
    assert "swastika" not in kept
    assert "xylophone" not in kept


@pytest.mark.parametrize(
    ("prompt", "rule"),
    [
        ("alpha and the beta", "near"),
        ("beta, alpha", "near"),
        ("alpha one two three beta", None),
        ("alpha one two three beta alpha", "near"),
        ("alpha beta gamma", None),
        ("alpha beta delta", None),
        ("alpha beta omega", "one"),
        ("sigma", None),
        ("sigma alpha beta", "near"),
        ("", None),
    ],
)
def test_the_strictest_rule_that_applies_speaks(prompt: str, rule: str | None) -> None:
    verdict = OWN.check(prompt)
    assert verdict.rule == rule
    assert verdict.policy_version == "own"


def test_a_negative_prompt_matters_only_to_rules_that_look_at_it() -> None:
    assert OWN.check("alpha", "gamma").rule == "less"
    assert OWN.check("epsilon", "gamma, omega").action is Action.ALLOW
    assert DEFAULT.check("a woman reading", "nude, nsfw").action is Action.ALLOW
    assert DEFAULT.check("a woman reading", "clothes").category == "sexual"


def test_no_policy_of_an_operator_switches_zero_tolerance_off() -> None:
    verdict = OWN.check("naked child")
    assert (verdict.action, verdict.category) == (Action.REFUSE, ZERO_TOLERANCE)
    assert verdict.policy_version == DEFAULT.version
    assert OWN.categories[0] == ZERO_TOLERANCE
    assert OWN.check("naked person").action is Action.ALLOW


def test_an_operator_can_add_to_zero_tolerance() -> None:
    text = LEAN.replace("  quiet:", f"  {ZERO_TOLERANCE}:").replace(
        "action: allow", "action: refuse"
    )
    assert PromptPolicy(parse_policy(text, "it")).check("sigma").category == ZERO_TOLERANCE


def test_a_policy_is_loaded_from_a_file_and_loaded_again(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(LEAN, encoding="utf-8")
    before = PromptPolicy.load(path)
    path.write_text(LEAN.replace("[omega]", "[psi]"), encoding="utf-8")
    after = PromptPolicy.load(path)
    assert [policy.check("omega").rule for policy in (before, after)] == ["one", None]
    assert PromptPolicy.load().version == DEFAULT.version


@given(st.text(alphabet=st.characters(), max_size=60), st.none() | st.text(max_size=20))
def test_any_text_gets_a_verdict(prompt: str, negative: str | None) -> None:
    assert DEFAULT.check(prompt, negative).policy_version == DEFAULT.version


@given(st.text(alphabet=st.characters(), max_size=30))
def test_what_stands_around_a_refused_phrase_does_not_free_it(text: str) -> None:
    around = text.replace("\u202e", "")
    assert DEFAULT.check(f"{around} , child porn , {around}").category == ZERO_TOLERANCE


@pytest.mark.parametrize("piece", ["nude woman ", "s e x ", "naked", "n*de k1d "])
def test_a_check_of_a_long_prompt_takes_its_share_of_time(piece: str) -> None:
    def seconds(length: int) -> float:
        text = (piece * length)[:length]
        begun = time.process_time()
        DEFAULT.check(text)
        return time.process_time() - begun

    seconds(1000)
    assert seconds(20_000) < 40 * seconds(2_000) + 0.5
