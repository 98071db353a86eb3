"""The library's examples, run as they stand with pocket, draw what they say, as the preset does.

The evaluator is the judge: it has to tell each picture's prompt from those of other things.
"""

import re
from pathlib import Path

import pytest
from PIL import Image

from ninefold.checkpoints.evaluator import packaged_evaluator
from ninefold.evaluation.judge import Judge

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "docs/drawing.md", "docs/engine.md")
OTHERS = ("a castle", "a cat", "a rocket", "a tree", "a fish", "a clock", "a shoe", "a house")


def example_of(page: str) -> str:
    """Return the first Python block of a page."""
    found = re.search(r"^```python\n(.*?)^```$", (ROOT / page).read_text("utf-8"), re.M | re.S)
    assert found is not None, f"{page} has no example"
    return found[1]


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(packaged_evaluator())


@pytest.mark.parametrize("page", PAGES)
def test_an_example_draws_its_prompt_so_that_a_judge_tells_it(
    page: str, judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = example_of(page)
    (prompt,) = re.findall(r'"(an? [a-z ]+)"', code)
    exec(compile(code, page, "exec"), {"__name__": "__main__"})
    (file,) = tmp_path.glob("*.png")
    with Image.open(file) as picture:
        vectors, _ = judge.see_pictures([picture])
    captions = judge.read_captions([prompt, *OTHERS])
    scores = captions @ vectors[0]
    assert scores.argmax() == 0, f"{page}: {dict(zip([prompt, *OTHERS], scores, strict=True))}"
