"""Decides whether a prompt may be drawn, by rules that anybody can read and an operator can edit.

Rules look for phrases and for combinations of them in the folded prompt. Knows nothing of where a
prompt comes from or what is done with the verdict. No word of a prompt is kept.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ninefold.safety.folding import masked_words, readings
from ninefold.safety.policy_file import (
    ZERO_TOLERANCE,
    Category,
    PolicyDocument,
    Rule,
    read_default_policy,
    read_policy,
)
from ninefold.safety.term_index import Found, TermIndex
from ninefold.safety.verdict import Action, RefusedError, Verdict, explain

_ALLOWED = "allow:"


class PromptPolicy:
    """A policy that is ready to check prompts; it does not change and may be shared by threads."""

    def __init__(self, document: PolicyDocument | None = None) -> None:
        """Make a policy ready.

        Args:
            document: the operator's; None is the one that comes with Ninefold. The zero-tolerance
                category of the latter is checked besides in any case, with its own allow-list.
        """
        default = read_default_policy()
        own = document or default
        names = [category.name for category in own.categories]
        self._rule_sets = [_RuleSet(own, names)]
        if own != default:
            self._rule_sets.insert(0, _RuleSet(default, [ZERO_TOLERANCE]))
        self.version = own.version
        self.categories = tuple(dict.fromkeys([ZERO_TOLERANCE, *names]))
        """Names of the categories, the zero-tolerance one first."""

    @classmethod
    def load(cls, path: Path | None = None) -> "PromptPolicy":
        """Return the policy in a file, or the default one.

        Raises:
            UserError: the file cannot be read or is no policy.
        """
        return cls(read_policy(path) if path is not None else None)

    def check(self, prompt: str, negative_prompt: str | None = None) -> Verdict:
        """Return what the policy says of a prompt: the strictest of all rules that speak.

        A negative prompt asks for the absence of what it names, so it matters only to rules that
        look for that. Any text will do; the time is in proportion to its length.
        """
        prompts, negatives = _ways(prompt), _ways(negative_prompt or "")
        verdicts = [rules.check(prompts, negatives) for rules in self._rule_sets]
        found = [verdict for verdict in verdicts if verdict is not None]
        silent = Verdict(Action.ALLOW, self.version)
        return max(found, key=lambda verdict: verdict.action, default=silent)

    def require_allowed(self, prompt: str, negative_prompt: str | None = None) -> Verdict:
        """Return the verdict of `check` for a prompt that may be drawn.

        Raises:
            RefusedError: it may not.
        """
        verdict = self.check(prompt, negative_prompt)
        if verdict.is_refused:
            raise RefusedError(verdict)
        return verdict


def _ways(text: str) -> list[list[str]]:
    masked = masked_words(text)
    return [*readings(text), *([masked] if masked else ())]


class _RuleSet:
    """Some categories of one document, with the index of all their phrases."""

    def __init__(self, document: PolicyDocument, names: Iterable[str]) -> None:
        chosen = set(names)
        self._document = document
        self._categories = [item for item in document.categories if item.name in chosen]
        groups = {_ALLOWED: document.allow}
        for _, rule in self._rules():
            groups[f"{rule.id}:"] = rule.terms
            for name in (*rule.all, *rule.unless, *rule.negative):
                groups[name] = document.groups[name]
        self._index = TermIndex(groups)

    def check(self, prompts: Sequence[list[str]], negatives: Sequence[list[str]]) -> Verdict | None:
        """Return the strictest verdict over all readings, or None if no rule speaks."""
        absent = {found.group for words in negatives for found in self._find(words)}
        best: tuple[Category, Rule] | None = None
        for words in prompts:
            found = self._find(words)
            groups = {item.group for item in found}
            for category, rule in self._rules():
                is_stricter = best is None or rule.action > best[1].action
                if is_stricter and _applies(rule, found, groups, absent):
                    best = category, rule
        return self._verdict(*best) if best else None

    def _rules(self) -> Iterator[tuple[Category, Rule]]:
        for category in self._categories:
            for rule in category.rules:
                yield category, rule

    def _find(self, words: list[str]) -> list[Found]:
        """Return the phrases in a text, without those inside an allowed phrase."""
        expanded = self._index.expand(words)
        ways = [expanded]
        # As it stands, since words of other languages are not made of English ones; and mended.
        ways += [way for way in (words, self._index.mend(expanded)) if way != expanded]
        return [item for way in ways for item in self._free(way)]

    def _free(self, words: list[str]) -> list[Found]:
        found = self._index.find(words)
        allowed = [item for item in found if item.group == _ALLOWED]
        free: dict[int, int] = {}
        for item in allowed:
            for word in range(item.start, item.end):
                free[word] = max(free.get(word, 0), item.end)
        return [
            item for item in found if item.group != _ALLOWED and free.get(item.start, 0) < item.end
        ]

    def _verdict(self, category: Category, rule: Rule) -> Verdict:
        version = self._document.version
        if rule.action is Action.ALLOW:
            return Verdict(Action.ALLOW, version)
        return Verdict(
            action=rule.action,
            policy_version=version,
            category=category.name,
            rule=rule.id,
            reason=explain(rule.action, category.title, rule.id, version),
            appeal=self._document.appeal,
        )


def _applies(rule: Rule, found: list[Found], groups: set[str], absent: set[str]) -> bool:
    wanted = rule.all or (f"{rule.id}:",)
    return (
        groups.issuperset(wanted)
        and groups.isdisjoint(rule.unless)
        and absent.issuperset(rule.negative)
        and (rule.within is None or _are_near(found, set(wanted), rule.within))
    )


def _are_near(found: list[Found], wanted: set[str], within: int) -> bool:
    """Whether all wanted groups have a phrase in some `within` words in a row."""
    last: dict[str, int] = {}
    for item in found:
        if item.group in wanted:
            last[item.group] = max(last.get(item.group, -1), item.start)
            if len(last) == len(wanted) and item.end - min(last.values()) <= within:
                return True
    return False
