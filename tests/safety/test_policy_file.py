"""A policy file is held to its form, and a mistake in it is answered with its place."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninefold.errors import UserError
from ninefold.safety.policy_file import (
    MAX_FILE_BYTES,
    ZERO_TOLERANCE,
    default_policy_text,
    parse_policy,
    read_default_policy,
    read_policy,
)
from ninefold.safety.verdict import Action

GOOD = """
format: ninefold-policy-1
version: "1"
appeal: Write to us.
groups:
  relic: [swastika]
  praise: ["hero*"]
allow: [heroic couplet]
categories:
  hate:
    title: hate
    action: warn
    rules:
      - id: praised
        all: [relic, praise]
        within: 5
        unless: [relic]
        negative: [praise]
        action: refuse
      - id: slogans
        terms: [heil hitler]
"""

BROKEN = {
    "hate:\n    title: hate": ("hate:\n    title: 7", "categories.hate.title has to be text"),
    "action: warn": ("action: maybe", "categories.hate.action has to be one of allow, warn"),
    "action: refuse": ("action: allow", "categories.hate.rules.0.action is weaker"),
    "within: 5": ("within: 1", "categories.hate.rules.0.within has to be a whole number"),
    "within: 5 ": ("within: true", "rules.0.within has to be a whole number"),
    "all: [relic, praise]": ("all: [relic, prise]", "rules.0.all names the group 'prise'"),
    "all: [relic, praise] ": ("terms: [x]", "categories.hate.rules.0.within goes with all"),
    "terms: [heil hitler]": ("terms: []", "rules.1.terms has to be a list with at least one"),
    "terms: [heil hitler] ": ("terms: [no]", "rules.1.terms.0 has to be text; put it in quotes"),
    "terms: [heil hitler]  ": ('terms: ["..."]', "rules.1.terms.0 is no phrase to look for"),
    "terms: [heil hitler]   ": ("terms: ['ab*']", "at least 3 letters"),
    "terms: [heil hitler]    ": ("action: warn", "rules.1 needs either terms or all"),
    "id: slogans": ("id: praised", "categories.hate.rules has the id 'praised'"),
    "id: slogans ": ("id: Big Words", "rules.1.id has to be a name of lower-case"),
    "id: slogans  ": ("id: slogans\n        pattern: x", "has the unknown key 'pattern'"),
    "  hate:": ("  Hate:", "categories.Hate has to be a name"),
    "format: ninefold-policy-1": ("format: other", "format has to be ninefold-policy-1"),
    'version: "1"': ("version: 2026-11-22", "version has to be text; put it in quotes"),
    "appeal: Write to us.": ("", "the top level lacks the key 'appeal'"),
    "relic: [swastika]": ("relic: swastika", "groups.relic has to be a list"),
    "relic: [swastika] ": ("no: [swastika]", "groups has the key False"),
    "allow: [heroic couplet]": ("allow: {a: b}", "allow has to be a list"),
    "categories:\n": ("categories: 3\nx:\n", "the top level has the unknown key 'x'"),
}
"""A piece of the good file, what it is replaced by, and what is said of it."""


def test_the_policy_that_comes_with_ninefold_is_whole() -> None:
    document = read_default_policy()
    assert [category.name for category in document.categories] == [
        ZERO_TOLERANCE,
        "real_people",
        "sexual",
        "hate",
        "graphic_violence",
        "harassment",
        "self_harm",
        "illegal_acts",
        "deception",
    ]
    assert document.categories[0].rules[0].action is Action.REFUSE


def test_a_file_says_what_it_shows(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(GOOD, encoding="utf-8-sig")
    document = read_policy(path)
    (category,) = document.categories
    praised, slogans = category.rules
    assert (document.version, document.appeal) == ("1", "Write to us.")
    assert document.allow == ("heroic couplet",)
    assert (praised.action, praised.all, praised.within) == (
        Action.REFUSE,
        ("relic", "praise"),
        5,
    )
    assert (praised.unless, praised.negative) == (("relic",), ("praise",))
    assert (slogans.action, slogans.terms) == (Action.WARN, ("heil hitler",))


def test_groups_and_the_allow_list_may_be_left_out() -> None:
    text = GOOD.replace("allow: [heroic couplet]", "")
    assert parse_policy(text, "it").allow == ()
    lean = "format: ninefold-policy-1\nversion: a\nappeal: b\ncategories: {}\n"
    assert parse_policy(lean, "it").categories == ()


@pytest.mark.parametrize("piece", BROKEN)
def test_a_mistake_is_answered_with_the_file_the_category_and_the_key(
    piece: str, tmp_path: Path
) -> None:
    replacement, message = BROKEN[piece]
    path = tmp_path / "policy.yaml"
    assert piece.rstrip(" ") in GOOD
    path.write_text(GOOD.replace(piece.rstrip(" "), replacement, 1), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_policy(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "mistake in line"),
        ("a: 1\na: 2", "the key 'a' stands twice"),
        ("a: &x [1]\nb: *x", "aliases"),
        ("a: !!python/object:os.system {}", "mistake in line 1"),
        ("? [1, 2]\n: 3", "mistake"),
        ("- a", "the top level has to be a mapping"),
        ("", "the top level has to be a mapping"),
        ("a: \x00", "is not YAML"),
        ("[" * 1_000, "is not YAML"),
        ("a: 2026-99-99", "is not YAML"),
    ],
)
def test_what_is_no_plain_yaml_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_policy(text, "it")


def test_the_zero_tolerance_category_cannot_be_weakened() -> None:
    text = GOOD.replace("  hate:", f"  {ZERO_TOLERANCE}:")
    with pytest.raises(UserError, match="cannot be weakened"):
        parse_policy(text, "it")


def test_a_file_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_policy(tmp_path / "none.yaml")
    large = tmp_path / "large.yaml"
    large.write_bytes(b" " * (MAX_FILE_BYTES + 1))
    with pytest.raises(UserError, match="larger than"):
        read_policy(large)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(UserError, match="UTF-8"):
        read_policy(binary)


@given(st.text(max_size=60) | st.text(alphabet="a:-[]{}&*!\"'?|>\n #1", max_size=40))
def test_any_text_is_a_policy_or_a_mistake_of_the_user(text: str) -> None:
    with pytest.raises(UserError):
        parse_policy(text, "it")


def test_the_default_policy_is_small_enough_to_be_an_operators() -> None:
    assert len(default_policy_text().encode()) < MAX_FILE_BYTES / 10
