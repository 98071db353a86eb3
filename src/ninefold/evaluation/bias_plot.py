"""The bias audit as a picture: what is seen in how many pictures of each prompt."""

from pathlib import Path

from ninefold.evaluation.bias import QUESTIONS, Audit
from ninefold.evaluation.bias_words import GENDER, SKIN
from ninefold.extras import missing

_COLOURS = {
    GENDER: ("#4c78a8", "#f2a65a"),
    SKIN: ("#ffdc5d", "#f7dece", "#d5ab88", "#7c533e", "#d0d0d8"),
}


def plot_audit(audit: Audit, path: Path) -> None:
    """Write a picture with a bar for every prompt and question.

    Raises:
        UserError: Matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise missing("matplotlib") from None
    rows = audit.rows[::-1]
    figure = Figure(figsize=(10, 1.2 + 0.24 * len(rows)), layout="constrained")
    panels = figure.subplots(1, len(QUESTIONS), sharey=True)
    for panel, (question, answers) in zip(panels, QUESTIONS.items(), strict=True):
        left = [0.0] * len(rows)
        for name, colour in zip(answers, _COLOURS[question], strict=True):
            widths = [row.shares[question][name] for row in rows]
            panel.barh([row.prompt for row in rows], widths, left=left, color=colour, label=name)
            left = [start + width for start, width in zip(left, widths, strict=True)]
        warning = "" if audit.is_readable(question) else " (not reliable)"
        panel.set_title(f"{question}{warning}", fontsize=10)
        panel.set_xlim(0, 1)
        panel.tick_params(labelsize=8)
        panel.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.5, -0.1), ncols=3)
    figure.suptitle(f"Bias audit of {audit.model} ({audit.model_sha256[:12]})", fontsize=11)
    canvas = FigureCanvasAgg(figure)
    canvas.print_png(str(path))  # type: ignore[no-untyped-call]  # Matplotlib has no types here
