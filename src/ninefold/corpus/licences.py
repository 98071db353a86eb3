"""Whose pictures and names a corpus is made of, and under which licences, as a table."""

from collections.abc import Collection

from ninefold.corpus.sources import PICTURE_SOURCES, WORD_SOURCE


def licence_table(drawn: Collection[str] = ()) -> str:
    """Return the attribution table as Markdown.

    Args:
        drawn: short names of the sets that a model learned to draw; their rows say so.
    """
    lines = [
        "| package | version | licence | by | drawn |",
        "|---|---|---|---|---|",
    ]
    for source in (*PICTURE_SOURCES, WORD_SOURCE):
        is_drawn = "yes" if source.name in drawn else ""
        lines.append(
            f"| `{source.package}` | {source.version} | {source.licence} | {source.attribution} | "
            f"{is_drawn} |"
        )
    return "\n".join(lines) + "\n"
