"""What is installed with Ninefold is under licences that permit what Apache-2.0 permits.

The tree of requirements is walked from pyproject.toml by the metadata of what is installed, each
extra by itself, and that of the page's tools by package-lock.json. A licence that is not on the
list fails here, before it is depended on.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]

ALLOWED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "Artistic-1.0-Perl",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC0-1.0",
        "CNRI-Python",
        "ISC",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "PSF-2.0",
        "Python-2.0",
        "Zlib",
    }
)
"""SPDX identifiers; all permit use in, and distribution with, a work under Apache-2.0."""

FILE_COPYLEFT = {
    "certifi": "MPL-2.0",  # data, used as it is
    "hypothesis": "MPL-2.0",  # runs tests
    "pathspec": "MPL-2.0",  # of mypy
    "psycopg": "LGPL-3.0-only",  # a library that is imported, not changed, and can be replaced
    "psycopg-binary": "LGPL-3.0-only",
    "psycopg-pool": "LGPL-3.0-only",
    "tqdm": "MPL-2.0 AND MIT",
}
"""Packages whose copyleft ends at their own files; each was looked at."""

TOOLS = {"codespell": "GPL-2.0-only"}
"""Programs that developers run over this project's text: nothing imports or ships them."""

STATED_ELSEWHERE = {
    "emoji": "BSD-3-Clause",  # LICENSE.txt
    "kiwisolver": "BSD-3-Clause",  # the metadata hold the text, not a name
    "locate": "MIT",  # LICENSE; the classifier says "Other"
    "resvg-py": "MIT",  # of its repository; resvg itself is Apache-2.0 OR MIT
    "text-unidecode": "Artistic-1.0-Perl OR GPL-2.0-or-later",  # its description: "either"
}
"""Licences that the metadata do not tell in a form that can be read."""

SPELLINGS = {
    "2-clause BSD License": "BSD-2-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "Dual License": "Apache-2.0 OR BSD-3-Clause",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""Names of licences before SPDX, as classifiers and old metadata have them."""

SHIPPED = ("", "safety", "serve", "cluster", "train")
"""What users install; the first is the package without extras."""


def stated_requirements(extra: str) -> Iterator[Requirement]:
    """Yield what pyproject.toml asks for, without extras for ""; its own extras are opened."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    for line in [*project["dependencies"], *(extras[extra] if extra else ())]:
        requirement = Requirement(line)
        if requirement.name == "ninefold":
            for each in requirement.extras:
                yield from stated_requirements(each)
        elif requirement.marker is None or requirement.marker.evaluate():
            yield requirement


def tree(extra: str) -> Iterator[Distribution]:
    """Yield every distribution that ninefold with `extra` brings, once."""
    seen: set[tuple[str, str]] = set()
    names: set[str] = set()
    waiting = list(stated_requirements(extra))
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        found = distribution(name)
        if name not in names:
            names.add(name)
            yield found
        for wanted in ("", *requirement.extras):
            if (name, wanted) in seen:
                continue
            seen.add((name, wanted))
            for line in found.requires or ():
                needed = Requirement(line)
                if needed.marker is None or needed.marker.evaluate({"extra": wanted}):
                    waiting.append(needed)


def licence_of(found: Distribution) -> str:
    """Return the licence of a distribution as an SPDX expression."""
    name = canonicalize_name(found.metadata["Name"])
    if name in STATED_ELSEWHERE:
        return STATED_ELSEWHERE[name]
    stated = {key: str(value).strip() for key, value in found.metadata.json.items()}
    if expression := stated.get("license_expression"):
        return expression
    classifiers: list[str] = [
        line.rpartition(" :: ")[2]
        for line in found.metadata.get_all("Classifier") or ()
        if line.startswith("License :: ") and line != "License :: OSI Approved"
    ]
    if len(classifiers) == 1:
        return SPELLINGS.get(classifiers[0], classifiers[0])
    licence = stated.get("license", "")
    return SPELLINGS.get(licence, licence)


def is_allowed(expression: str) -> bool:
    """Whether an SPDX expression of AND and OR leaves a way that is on the list."""
    expression = expression.strip("()")
    for choice in re.split(r"\s+OR\s+", expression):
        if all(part.strip("() ") in ALLOWED for part in re.split(r"\s+AND\s+", choice)):
            return True
    return False


@pytest.mark.parametrize("extra", SHIPPED)
def test_what_users_install_is_under_a_licence_on_the_list(extra: str) -> None:
    refused = {
        name: licence
        for found in tree(extra)
        if not is_allowed(licence := licence_of(found))
        and FILE_COPYLEFT.get(name := canonicalize_name(found.metadata["Name"])) != licence
    }
    assert refused == {}, "find another package, or make it an extra that is named for what it is"


def test_only_the_extra_that_says_so_brings_the_gpl() -> None:
    brought = {canonicalize_name(d.metadata["Name"]): licence_of(d) for d in tree("unidecode-gpl")}
    usual = {canonicalize_name(d.metadata["Name"]) for d in tree("")}
    assert {name: brought[name] for name in set(brought) - usual} == {
        "unidecode": "GPL-2.0-or-later"
    }


def test_what_developers_install_is_on_the_list_or_a_tool_that_is_named() -> None:
    known = {**FILE_COPYLEFT, **TOOLS, "unidecode": "GPL-2.0-or-later"}
    refused = {
        name: licence
        for found in tree("dev")
        if not is_allowed(licence := licence_of(found))
        and known.get(name := canonicalize_name(found.metadata["Name"])) != licence
    }
    assert refused == {}


def test_the_tools_of_the_page_are_under_a_licence_on_the_list() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    tools = {name: str(each.get("license")) for name, each in lock["packages"].items() if name}
    refused = {
        name: licence
        for name, licence in tools.items()
        if not is_allowed(licence) and licence != "MPL-2.0"
    }
    assert len(tools) > 50
    assert refused == {}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", True),
        ("MIT OR GPL-2.0-only", True),
        ("Apache-2.0 AND Apache-2.0 WITH LLVM-exception AND MIT", True),
        ("(MIT OR Apache-2.0)", True),
        ("MIT AND GPL-2.0-only", False),
        ("AGPL-3.0-only", False),
        ("", False),
        ("None", False),
    ],
)
def test_a_licence_is_allowed_where_a_choice_of_it_is(expression: str, expected: bool) -> None:
    assert is_allowed(expression) is expected
