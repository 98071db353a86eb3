"""The licence table of the model card is the one that the sources make."""

from pathlib import Path

from ninefold.corpus.licences import licence_table
from ninefold.corpus.sources import PICTURE_SOURCES, WORD_SOURCE
from ninefold.training.recipes.vqgan import SOURCES

CARD = Path(__file__).parents[2] / "MODEL_CARD.md"


def test_every_source_is_named_with_its_licence() -> None:
    rows = licence_table().splitlines()[2:]
    for row, source in zip(rows, (*PICTURE_SOURCES, WORD_SOURCE), strict=True):
        assert source.package in row
        assert source.licence in row
        assert source.attribution in row


def test_the_sets_that_are_drawn_are_marked() -> None:
    marked = [row for row in licence_table(SOURCES).splitlines() if row.endswith("| yes |")]
    assert len(marked) == len(SOURCES)


def test_the_model_card_holds_the_table() -> None:
    assert licence_table(SOURCES) in CARD.read_text(encoding="utf-8"), "run make licence-table"
