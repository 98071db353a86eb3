"""A live policy follows its file, and outlives a mistake in it."""

from pathlib import Path

import pytest

from ninefold.errors import UserError
from ninefold.safety.live_policy import LivePolicy
from ninefold.safety.verdict import Action

POLICY = """
format: ninefold-policy-1
version: {version}
appeal: Write to us.
categories: {{cats: {{title: cats, action: {action}, rules: [{{id: cats, terms: [cat]}}]}}}}
"""


def write(path: Path, version: str, action: str) -> None:
    beside = path.with_suffix(".new")  # as editors do, so that no half file is ever seen
    beside.write_text(POLICY.format(version=f'"{version}"', action=action), encoding="utf-8")
    beside.replace(path)


def test_what_is_written_into_the_file_holds_from_then_on(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    told: list[str] = []
    write(path, "1", "warn")
    live = LivePolicy(path, told.append)
    assert live.current().check("a cat").action is Action.WARN
    write(path, "2", "refuse")
    assert live.current().check("a cat").action is Action.REFUSE
    assert live.current() is live.current()
    assert told == ["Policy 2 holds from now on."]


def test_a_mistake_is_told_once_and_the_policy_before_it_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    told: list[str] = []
    write(path, "1", "warn")
    live = LivePolicy(path, told.append)
    write(path, "2", "growl")
    assert [live.current().version for _ in range(3)] == ["1", "1", "1"]
    assert len(told) == 1
    assert "categories.cats.action has to be one of" in told[0]
    assert told[0].endswith("Policy 1 goes on to hold.")
    path.unlink()
    assert live.current().version == "1"
    assert "cannot be read" in told[1]
    write(path, "3", "hide")
    assert live.current().version == "3"


def test_a_policy_that_cannot_be_used_at_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        LivePolicy(tmp_path / "none.yaml")


def test_without_a_file_ninefolds_own_holds() -> None:
    assert LivePolicy().current().check("a swastika flag").is_refused
