"""The prompts of the contact sheets: as many of each kind as are promised, and no prompt twice."""

from ninefold.evaluation.showcase import FAMOUS, PLAIN, STYLED, SURREAL
from ninefold.text.prompt import clean_prompt


def test_there_are_as_many_as_promised_and_none_twice() -> None:
    assert [len(kind) for kind in (FAMOUS, SURREAL, PLAIN, STYLED)] == [4, 30, 30, 20]
    prompts = (*FAMOUS, *SURREAL, *PLAIN, *STYLED)
    assert len(set(prompts)) == len(prompts)
    assert all(clean_prompt(prompt).text == prompt for prompt in prompts)
