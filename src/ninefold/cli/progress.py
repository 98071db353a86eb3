"""The live progress of a run, on standard error: what is drawn, how far, and how long it will take.

Shown on a terminal only; in a file or a pipe a bar is noise.
"""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column

from ninefold.cli.messages import printable, shorten, tell

_LABEL_WIDTH = 48


class ProgressDisplay:
    """A bar with time left, and notices beside it.

    A context manager: the bar is gone when it ends, also by an error.
    """

    def __init__(self, *, is_quiet: bool = False) -> None:
        console = Console(file=sys.stderr, highlight=False, emoji=False)
        self._is_quiet = is_quiet
        self._is_live = not is_quiet and console.is_terminal
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=console,
            transient=True,
            disable=not self._is_live,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def begin(self, label: str, total: int | None = None) -> None:
        """Start a new bar called `label`; `total` None shows that something goes on."""
        self.end()
        self._task = self._progress.add_task(shorten(label, _LABEL_WIDTH), total=total)

    def advance_to(self, done: int, total: int) -> None:
        """Show that `done` of `total` steps are done."""
        if self._task is not None:
            self._progress.update(self._task, completed=done, total=total)

    def end(self) -> None:
        """Take the bar away."""
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None

    def notice(self, message: str) -> None:
        """Say something beside the bar, unless the person asked for quiet."""
        if self._is_quiet:
            return
        if self._is_live:
            self._console.print(printable(message), markup=False, soft_wrap=True)
        else:
            tell(message)
