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


class Bar:
    """A bar that is shown: called with the steps done and the steps in all, it moves."""

    def __init__(self, progress: Progress, label: str) -> None:
        self._progress = progress
        self._task = progress.add_task(shorten(label, _LABEL_WIDTH), total=None)

    def __call__(self, done: int, total: int) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=done, total=total)

    def say(self, label: str) -> None:
        """Call the bar something else."""
        self._progress.update(self._task, description=shorten(label, _LABEL_WIDTH))


@contextmanager
def progress_bar(label: str, *, is_hidden: bool = False) -> Iterator[Bar]:
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
        yield Bar(progress, label)
