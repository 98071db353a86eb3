"""Holds docs/evaluation/lexicon.csv to a corpus's lexicon, and counts its verdicts.

    python scripts/measure_lexicon.py runs/corpus

The list is 200 of the 4,000 commonest English words, in the order of a hash and without the
commonest 150, and 50 words that people type for fun. Whether the picture that a word means is right
was judged by a reader: `right`, `near` (one would see why), `wrong`, or `none` where there is none.
A word whose picture has changed loses its verdict, and the script fails until there is one again.
"""

import argparse
import csv
import sys
from collections import Counter
from pathlib import Path

from ninefold.corpus.lexicon import LEXICON_FILE, read_lexicon

LIST = Path(__file__).parent.parent / "docs" / "evaluation" / "lexicon.csv"
VERDICTS = ("right", "near", "wrong", "none")


def main() -> int:
    """Bring the list up to date and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="what `ninefold corpus build` wrote")
    entries = read_lexicon(parser.parse_args().corpus / LEXICON_FILE)
    pictures = {entry.word: entry.label for entry in entries}
    with LIST.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        picture = pictures.get(row["word"], "")
        if picture != row["picture"]:
            row.update(picture=picture, verdict="?" if picture else "none")
    with LIST.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(entries)} words mean something.")
    counts = Counter((row["list"], row["verdict"]) for row in rows)
    for name in dict.fromkeys(row["list"] for row in rows):
        shares = (f"{counts[name, verdict]} {verdict}" for verdict in VERDICTS)
        print(f"{name}: {', '.join(shares)}")
    unjudged = [row["word"] for row in rows if row["verdict"] not in VERDICTS]
    if unjudged:
        print(f"to be judged in {LIST.name}: {', '.join(unjudged)}", file=sys.stderr)
    return 1 if unjudged else 0


if __name__ == "__main__":
    sys.exit(main())
