"""`ninefold bench`: a table for people, a last line for programs."""

import json

import pytest

from tests.cli.conftest import RunInside


def test_the_last_line_is_one_document_and_the_rest_a_table(ninefold: RunInside) -> None:
    result = ninefold("bench", "tiny", "--backend", "eager", "--images", "1", "--prompts", "1")
    assert result.code == 0
    *shown, last = result.out.splitlines()
    assert json.loads(last)["backend"] == "eager"
    assert "nine pictures, all as PNG" in "\n".join(shown)
    assert "Measuring: painting" in result.err


@pytest.mark.parametrize("numbers", ["", "0", "1,x", "73", "1;2"])
def test_numbers_that_cannot_be_measured_are_refused(ninefold: RunInside, numbers: str) -> None:
    result = ninefold("bench", "tiny", "--images", numbers)
    assert result.code == 2
    assert "whole numbers from 1 to 72" in result.err
