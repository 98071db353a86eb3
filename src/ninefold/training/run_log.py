"""What a training run tells while it runs: a row a few dozen steps, TensorBoard, and its curves.

Knows nothing of networks; a row is a dictionary of numbers with the step among them.
"""

import json
from pathlib import Path
from types import TracebackType
from typing import Self

from ninefold.extras import missing

LOG_FILE = "log.jsonl"
CURVES_FILE = "curves.png"
PANELS_A_ROW = 3


class RunLog:
    """The log of one run, continued where an earlier process left it.

    Rows after the step that is gone on from were of steps that a kill undid; in the curves and in
    TensorBoard the new ones stand in their place.
    """

    def __init__(self, folder: Path, step: int) -> None:
        """Continue the log in `folder` after `step` steps.

        Raises:
            UserError: TensorBoard's writer is not installed.
        """
        try:
            from tensorboardX import SummaryWriter
        except ModuleNotFoundError:
            raise missing("tensorboardX") from None
        self.folder = folder
        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._writer.close()

    def add(self, row: dict[str, float]) -> None:
        """Append a row and tell TensorBoard."""
        with (self.folder / LOG_FILE).open("a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")
        for name, value in row.items():
            if name != "step":
                self._writer.add_scalar(name, value, int(row["step"]))

    def draw(self) -> None:
        """Write the curves of all rows so far as a picture.

        Raises:
            UserError: Matplotlib is not installed.
        """
        path = self.folder / LOG_FILE
        if path.exists():
            draw_curves(path, self.folder / CURVES_FILE)


def draw_curves(log: Path, picture: Path) -> None:
    """Draw a panel for each number of a log.

    Args:
        log: a run's `log.jsonl`.
        picture: the PNG to write; one that is there is replaced when the new one is whole.

    Raises:
        UserError: Matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise missing("matplotlib") from None
    rows = read_rows(log)
    names = [name for name in rows[-1] if name != "step"]
    num_rows = -(-len(names) // PANELS_A_ROW)
    figure = Figure(figsize=(4 * PANELS_A_ROW, 2.6 * num_rows), layout="constrained")
    panels = figure.subplots(num_rows, PANELS_A_ROW, squeeze=False).flat
    for panel, name in zip(panels, names, strict=False):
        points = [(row["step"], row[name]) for row in rows if name in row]
        panel.plot(*zip(*points, strict=True), linewidth=1.2)
        panel.set_title(name.replace("_", " "), fontsize=10)
        panel.tick_params(labelsize=8)
        panel.grid(alpha=0.3)
    for panel in list(panels):
        panel.remove()
    partial = picture.with_suffix(".partial.png")
    FigureCanvasAgg(figure).print_png(str(partial))  # type: ignore[no-untyped-call]  # untyped
    partial.replace(picture)


def read_rows(log: Path) -> list[dict[str, float]]:
    """Return the rows in the order of their steps, without those that a kill undid."""
    rows: dict[float, dict[str, float]] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        rows = {step: old for step, old in rows.items() if step < row["step"]}
        rows[row["step"]] = row
    return list(rows.values())
