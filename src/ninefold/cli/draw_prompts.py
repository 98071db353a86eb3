"""A run over prompts, whoever draws them: each is drawn, saved, shown and told before the next.

So whatever happens later, an interruption or a full disk, leaves the pictures before it whole.
"""

import os
import sys
from collections.abc import Callable, Sequence

from PIL import Image

from ninefold.cli.draw_report import DrawnPrompt, DrawReport
from ninefold.cli.messages import shorten, tell
from ninefold.cli.terminal_pictures import detect_protocol, show_picture

DrawPrompt = Callable[[str, str], tuple[DrawnPrompt, Image.Image]]
"""Draws and saves a prompt, given it and what to call it, and returns all of it as one picture."""


def draw_prompts(
    prompts: Sequence[str], draw: DrawPrompt, *, is_json: bool, is_quiet: bool
) -> None:
    """Draw all prompts, and tell of each.

    Args:
        prompts: in their order.
        draw: draws and saves one.
        is_json: print one document at the end instead of the files' names.
        is_quiet: print nothing else.
    """
    report = DrawReport(is_json)
    is_complete = False
    try:
        for number, prompt in enumerate(prompts, start=1):
            label = prompt if len(prompts) == 1 else f"{number}/{len(prompts)} {prompt}"
            drawn, picture = draw(prompt, label)
            report.add(drawn)
            if not is_quiet:
                _show(drawn, picture, is_json)
        is_complete = True
    except KeyboardInterrupt:
        tell(_describe_interruption(report))
        raise
    finally:
        report.finish(is_complete=is_complete)


def _show(drawn: DrawnPrompt, picture: Image.Image, is_json: bool) -> None:
    """Say what was drawn, and show it where the terminal can and nothing else is meant for it."""
    for notice in drawn.notices:
        tell(f"Note: {notice}")
    count, seconds = len(drawn.recipes), f"{drawn.seconds:.1f}"
    pictures = "1 picture" if count == 1 else f"{count} pictures"
    label = shorten(drawn.recipes[0].prompt)
    tell(f"{label}: {pictures} in {seconds} s, in {drawn.files.folder}")
    protocol = None if is_json else detect_protocol(os.environ, sys.stdout)
    if protocol is not None:
        show_picture(picture, protocol, sys.stdout)


def _describe_interruption(report: DrawReport) -> str:
    if not report.drawn:
        return "Stopped; nothing was drawn yet."
    folders = ", ".join(str(prompt.files.folder) for prompt in report.drawn[-3:])
    return f"Stopped; what was drawn before is kept, the last of it in {folders}."
