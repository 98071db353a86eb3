"""Writes the parity table of docs/models.md anew: `make parity-table`.

Every row is computed now, from `tests/golden`, by the comparison that the tests use.
"""

import sys
from pathlib import Path

import torch
from tests.parity.comparison import TOLERANCE, ParityRow, golden_rows

PAGE = Path(__file__).parents[1] / "docs" / "models.md"
BEGIN, END = "<!-- parity table: begin -->\n", "<!-- parity table: end -->\n"


def markdown_table(rows: list[ParityRow]) -> str:
    """Rows as a table; one digit of an error is enough, and the same on most machines."""
    lines = [
        "| model | file format | tensor | reference | max relative error |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        error = f"{row.error:.0%} differ" if row.is_exact else f"{row.error:.0e}"
        if row.error == 0.0:
            error = "0"
        lines.append(
            f"| {row.model} | {row.file_format} | {row.tensor} | {row.reference} | {error} |"
        )
    return "\n".join(lines) + "\n"


def replace_table(page: str, table: str) -> str:
    """The page with `table` between the markers."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def main() -> int:
    """Write the table; fail if a row is beyond the tolerance."""
    torch.set_num_threads(1)
    rows = golden_rows()
    PAGE.write_text(
        replace_table(PAGE.read_text(encoding="utf-8"), markdown_table(rows)), encoding="utf-8"
    )
    too_far = [row for row in rows if row.error > (0.0 if row.is_exact else TOLERANCE)]
    for row in too_far:
        print(f"beyond the tolerance: {row}", file=sys.stderr)
    print(f"{PAGE.name}: {len(rows)} rows, {len(too_far)} beyond {TOLERANCE:g}")
    return 1 if too_far else 0


if __name__ == "__main__":
    sys.exit(main())
