"""The live progress of a run, on standard error: what is drawn, how far, and how long it will take.

Shown on a terminal only; in a file or a pipe a bar is noise.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from ninefold.cli.messages import shorten

OnProgress = Callable[[int, int], None]
"""Called with the steps done and the steps in all."""

_LABEL_WIDTH = 48


@contextmanager
def progress_bar(label: str, *, is_hidden: bool = False) -> Iterator[OnProgress]:
    """Show a bar called `label` with the time left, until the block ends, also by an error.

    Args:
        label: any text; only its beginning is shown.
        is_hidden: show nothing. A bar without a terminal is always hidden.

    Yields:
        What moves the bar; before its first call the bar shows only that something goes on.
    """
    console = Console(file=sys.stderr, highlight=False, emoji=False)
    progress = Progress(
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=is_hidden or not console.is_terminal,
    )
    with progress:
        task = progress.add_task(shorten(label, _LABEL_WIDTH), total=None)

        def advance_to(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield advance_to
