"""Laws of problems: every refusal has a status on the wire, and says there what it said inside."""

import ast
from pathlib import Path

from ninefold.service.problems import STATUS_OF, to_problem
from ninefold.service.refusals import Refusal

ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "src" / "ninefold" / "service"


def codes_of_refusals() -> set[str]:
    """Return the codes that refusals are made with: the first argument wherever one is made."""
    found = set()
    for path in SERVICE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "Refusal" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            made = ast.unparse(node.func) in ("Refusal", "super().__init__")
            first = node.args[0]
            if made and isinstance(first, ast.Constant) and isinstance(first.value, str):
                found.add(first.value)
    return found


def test_every_code_of_a_refusal_has_a_status_and_no_other_has() -> None:
    assert codes_of_refusals() == set(STATUS_OF)


def test_every_code_of_a_refusal_is_documented() -> None:
    page = (ROOT / "docs" / "http-api.md").read_text(encoding="utf-8")
    assert not [code for code in STATUS_OF if f"`{code}`" not in page]


def test_a_refusal_is_answered_with_all_that_it_says() -> None:
    refusal = Refusal(
        "too_busy", "Ask again in a minute.", 60.0, {"queue_depth": 9}, {"x-should-retry": "true"}
    )
    problem = to_problem(refusal)
    assert (problem.status, problem.code, problem.detail) == (429, "too_busy", str(refusal))
    assert problem.extra == {"queue_depth": 9}
    assert problem.all_headers() == {"x-should-retry": "true", "Retry-After": "60"}
