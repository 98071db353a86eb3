"""`ninefold evaluate`: mistakes are answered, and a report is printed and written."""

import json
from pathlib import Path

from tests.cli.conftest import RunInside
from tests.evaluation.conftest import write_corpus, write_evaluator

CALL = ("evaluate", "--model", "tiny", "--corpus", "corpus", "--evaluator", "evaluator")


def test_a_report_is_printed_and_written(ninefold: RunInside, workplace: Path) -> None:
    write_corpus(workplace / "corpus")
    write_evaluator(workplace / "evaluator")
    result = ninefold(*CALL, "--prompts", "2", "--out", "report", "--split", "single-objects")
    assert result.code == 0, result.err
    assert result.out.startswith("# What tiny can do\n")
    assert "| Single objects | 2 |" in result.out
    assert json.loads((workplace / "report/report.json").read_text())["model"] == "tiny"
    assert "wrote report" in result.err


def test_an_unknown_split_lists_the_known_ones(ninefold: RunInside) -> None:
    result = ninefold(*CALL, "--split", "poems")
    assert result.code == 2
    assert "use single-objects" in result.err


def test_without_a_corpus_it_says_how_to_build_one(ninefold: RunInside) -> None:
    result = ninefold("evaluate", "--corpus", "nowhere")
    assert result.code == 2
    assert "ninefold corpus build --out nowhere" in result.err


def test_without_an_evaluator_it_says_how_to_make_one(ninefold: RunInside, workplace: Path) -> None:
    write_corpus(workplace / "corpus")
    result = ninefold(*CALL)
    assert result.code == 2
    assert "ninefold train evaluator" in result.err
