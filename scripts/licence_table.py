"""Writes the licence and attribution table of MODEL_CARD.md anew: `make licence-table`."""

from pathlib import Path

from ninefold.corpus.licences import licence_table
from ninefold.training.recipes.vqgan import SOURCES

CARD = Path(__file__).parents[1] / "MODEL_CARD.md"
BEGIN, END = "<!-- licences: begin -->\n", "<!-- licences: end -->\n"


def with_table(card: str) -> str:
    """Return the card with the table between its markers."""
    before, _, rest = card.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{licence_table(SOURCES)}\n{END}{after}"


if __name__ == "__main__":
    CARD.write_text(with_table(CARD.read_text(encoding="utf-8")), encoding="utf-8")
