"""Reads a policy from YAML and holds it to its form; the form is told in docs/safety.md.

Knows nothing of matching. YAML is read without tags, aliases or repeated keys, so that a file means
what it shows.
"""

import dataclasses
import functools
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from ninefold.errors import UserError
from ninefold.safety.term_index import parse_phrase
from ninefold.safety.verdict import Action

FORMAT = "ninefold-policy-1"
ZERO_TOLERANCE = "sexual_minors"
"""The category that no policy can weaken."""

MAX_FILE_BYTES = 2**20
MAX_WITHIN = 1000

_NAME = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")
_ACTIONS = {action.label: action for action in Action}


@dataclasses.dataclass(frozen=True)
class Rule:
    """One way for a prompt to fall into a category."""

    id: str
    action: Action
    terms: tuple[str, ...] = ()
    """Phrases of which one is enough; none if the rule combines groups."""
    all: tuple[str, ...] = ()
    """Groups that all have to be in the prompt."""
    within: int | None = None
    """In how many words in a row the groups of `all` have to be; None is anywhere."""
    unless: tuple[str, ...] = ()
    """Groups of which none may be in the prompt."""
    negative: tuple[str, ...] = ()
    """Groups that all have to be in the negative prompt."""


@dataclasses.dataclass(frozen=True)
class Category:
    """A kind of content, with what is done about it."""

    name: str
    title: str
    """What it is about, as it stands in a sentence."""
    rules: tuple[Rule, ...]


@dataclasses.dataclass(frozen=True)
class PolicyDocument:
    """The parsed YAML of a policy, before its terms are indexed."""

    version: str
    appeal: str
    groups: Mapping[str, tuple[str, ...]]
    allow: tuple[str, ...]
    categories: tuple[Category, ...]


def default_policy_text() -> str:
    """Return the YAML of the policy that comes with Ninefold."""
    folder = resources.files("ninefold.safety") / "policies"
    return (folder / "default.yaml").read_text(encoding="utf-8")


@functools.cache
def read_default_policy() -> PolicyDocument:
    """Return the policy that comes with Ninefold."""
    return parse_policy(default_policy_text(), "the default policy")


def read_policy(path: Path) -> PolicyDocument:
    """Return the policy in a file.

    Raises:
        UserError: the file cannot be read or is no policy; the message names the file, the category
            and the key.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError(f"The policy {path} cannot be read: {reason}.") from None
    if len(data) > MAX_FILE_BYTES:
        raise UserError(f"The policy {path} is larger than {MAX_FILE_BYTES // 2**10} KiB.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"The policy {path} is not text in UTF-8; save it as UTF-8.") from None
    return parse_policy(text, f"the policy {path}")


def parse_policy(text: str, source: str) -> PolicyDocument:
    """Return the policy that a YAML text says.

    Args:
        text: YAML.
        source: what messages call it.

    Raises:
        UserError: it is not YAML, or not a policy.
    """
    try:
        value = yaml.load(text, Loader=_PlainLoader)
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"There is a mistake{line} of {source}: {error.problem}.") from None
    except (yaml.YAMLError, RecursionError, ValueError):
        raise UserError(f"{source} is not YAML; see docs/safety.md for its form.") from None
    try:
        return _read_document(_Node(value, ""))
    except _FormError as error:
        raise UserError(f"In {source}, {error}.") from None


class _FormError(Exception):
    """A value is not of the form; the message says where and what it should be."""


class _PlainLoader(yaml.SafeLoader):
    """Safe YAML, and neither aliases nor a key twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not allowed")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                problem = f"the key {key.value!r} stands twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


class _Node:
    """A value of the file with the keys that lead to it."""

    def __init__(self, value: Any, path: str) -> None:
        self.value = value
        self.path = path

    def fail(self, message: str) -> _FormError:
        return _FormError(f"{self.path or 'the top level'} {message}")

    def at(self, key: str | int) -> "_Node":
        return _Node(self.value[key], f"{self.path}.{key}" if self.path else str(key))

    def keys(self, needed: set[str], optional: set[str]) -> set[str]:
        """Check that this is a mapping with these keys, and return those that are there."""
        names = set(self.names())
        if missing := sorted(needed - names):
            raise self.fail(f"lacks the key {missing[0]!r}")
        if unknown := sorted(names - needed - optional):
            known = ", ".join(sorted(needed | optional))
            raise self.fail(f"has the unknown key {unknown[0]!r}; known are {known}")
        return names

    def names(self) -> list[str]:
        if not isinstance(self.value, dict):
            raise self.fail("has to be a mapping of keys to values")
        for key in self.value:
            if not isinstance(key, str):
                raise self.fail(f"has the key {key!r}, which has to be a name in quotes")
        return list(self.value)

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.fail("has to be text; put it in quotes")
        return " ".join(self.value.split())

    def name(self) -> str:
        text = self.text()
        if not _NAME.fullmatch(text):
            raise self.fail("has to be a name of lower-case letters, digits, - and _")
        return text

    def items(self) -> list["_Node"]:
        if not isinstance(self.value, list) or not self.value:
            raise self.fail("has to be a list with at least one entry")
        return [self.at(index) for index in range(len(self.value))]

    def phrases(self) -> tuple[str, ...]:
        found = []
        for item in self.items():
            text = item.text()
            try:
                parse_phrase(text)
            except ValueError as error:
                raise item.fail(f"is no phrase to look for: {error}") from None
            found.append(text)
        return tuple(found)

    def action(self) -> Action:
        if self.value not in _ACTIONS:
            raise self.fail(f"has to be one of {', '.join(_ACTIONS)}")
        return _ACTIONS[self.value]

    def number(self) -> int:
        if type(self.value) is not int or not 1 < self.value <= MAX_WITHIN:
            raise self.fail(f"has to be a whole number from 2 to {MAX_WITHIN}")
        return self.value


def _read_document(node: _Node) -> PolicyDocument:
    keys = node.keys({"format", "version", "appeal", "categories"}, {"groups", "allow"})
    if node.at("format").text() != FORMAT:
        raise node.at("format").fail(f"has to be {FORMAT}")
    groups = {}
    if "groups" in keys:
        entries = node.at("groups")
        groups = {
            _Node(name, "groups").name(): entries.at(name).phrases() for name in entries.names()
        }
    categories = node.at("categories")
    document = PolicyDocument(
        version=node.at("version").text(),
        appeal=node.at("appeal").text(),
        groups=groups,
        allow=node.at("allow").phrases() if "allow" in keys else (),
        categories=tuple(_read_category(categories, name, groups) for name in categories.names()),
    )
    _check_ids(document)
    return document


def _read_category(categories: _Node, name: str, groups: Mapping[str, Any]) -> Category:
    node = categories.at(name)
    _Node(name, node.path).name()
    node.keys({"title", "action", "rules"}, set())
    action = node.at("action").action()
    if name == ZERO_TOLERANCE and action is not Action.REFUSE:
        raise node.at("action").fail("has to be refuse; this category cannot be weakened")
    rules = tuple(_read_rule(rule, action, groups) for rule in node.at("rules").items())
    return Category(name, node.at("title").text(), rules)


def _read_rule(node: _Node, action: Action, groups: Mapping[str, Any]) -> Rule:
    keys = node.keys({"id"}, {"action", "terms", "all", "within", "unless", "negative"})
    if ("terms" in keys) == ("all" in keys):
        raise node.fail("needs either terms or all")
    if "within" in keys and "all" not in keys:
        raise node.at("within").fail("goes with all only")
    own = node.at("action").action() if "action" in keys else action
    if own < action:
        raise node.at("action").fail(f"is weaker than the category's, {action.label}")

    def group_names(key: str) -> tuple[str, ...]:
        if key not in keys:
            return ()
        names = tuple(item.name() for item in node.at(key).items())
        if unknown := [name for name in names if name not in groups]:
            raise node.at(key).fail(f"names the group {unknown[0]!r}, which is not in groups")
        return names

    return Rule(
        id=node.at("id").name(),
        action=own,
        terms=node.at("terms").phrases() if "terms" in keys else (),
        all=group_names("all"),
        within=node.at("within").number() if "within" in keys else None,
        unless=group_names("unless"),
        negative=group_names("negative"),
    )


def _check_ids(document: PolicyDocument) -> None:
    seen: dict[str, str] = {}
    for category in document.categories:
        for rule in category.rules:
            if rule.id in seen:
                place = f"categories.{category.name}.rules"
                raise _FormError(f"{place} has the id {rule.id!r}, as {seen[rule.id]} has")
            seen[rule.id] = f"categories.{category.name}.rules"
