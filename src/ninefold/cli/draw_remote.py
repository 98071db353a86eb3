"""A run of `ninefold draw --server`: a service draws, and the files are saved here as it made them.

No model and no PyTorch on this machine. A busy service is waited for, an interruption cancels.
"""

import dataclasses
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from ninefold.cli.draw_files import add_grid, prepared_folder, save_files
from ninefold.cli.draw_prompts import draw_prompts
from ninefold.cli.draw_report import DrawnPrompt
from ninefold.cli.draw_request import DrawOptions, given_settings, read_folder_name
from ninefold.cli.messages import tell
from ninefold.cli.progress import Bar, progress_bar
from ninefold.cli.prompts import gather_prompts
from ninefold.client import Client
from ninefold.errors import NinefoldError, UserError
from ninefold.pictures.decoding import DecodingError, decoding, open_picture
from ninefold.pictures.png import Recipe, parse_recipe

KEY_VARIABLE = "NINEFOLD_API_KEY"
"""Environment variable with the service's API key, which others would see on the command line."""

_HERE_ONLY = (
    "like",
    "policy",
    "sign",
    "sign_prompt",
    "key",
    "mark",
    "dtype",
    "backend",
    "threads",
    "verbose",
)
_SEED_BITS = 32


def run_remote(options: DrawOptions) -> None:
    """Draw all prompts at the service that the options name.

    Raises:
        UserError: the options do not go together, or a prompt cannot or may not be drawn.
        NinefoldError: the service cannot be reached, or could not draw.
    """
    _refuse_what_is_here_only(options)
    prompts = gather_prompts(options.prompts, options.file)
    settings: dict[str, Any] = given_settings(options)
    seed = int(settings.pop("seed", secrets.randbits(_SEED_BITS)))
    settings |= {"negative_prompt": options.negative} if options.negative else {}
    settings |= {"preset": options.preset} if options.preset else {}
    out = read_folder_name(options.out)
    with (
        Client(options.server or "", os.environ.get(KEY_VARIABLE), KEY_VARIABLE) as client,
        prepared_folder(out),
    ):
        if not options.quiet:
            tell(f"Drawing at {client.server}, seed {seed}.")

        def draw(prompt: str, label: str) -> tuple[DrawnPrompt, Image.Image]:
            start = time.monotonic()
            with progress_bar(label, is_hidden=options.quiet) as bar:
                job = client.draw(
                    prompt,
                    seed=seed,
                    model=options.model,
                    settings=settings,
                    on_event=_Watch(bar, label),
                    on_wait=lambda seconds, reason: _tell_wait(seconds, reason, options.quiet),
                )
                return _save(client, job, options, out, start)

        draw_prompts(prompts, draw, is_json=options.json, is_quiet=options.quiet)


class _Watch:
    """Moves a bar by a job's events."""

    def __init__(self, bar: Bar, label: str) -> None:
        self._bar, self._label = bar, label

    def __call__(self, event: Mapping[str, Any]) -> None:
        if event["type"] == "position":
            eta_s = event.get("eta_s")
            about = "" if eta_s is None else f", about {_duration(float(eta_s))}"
            self._bar.say(f"{event['position']} in the queue{about}: {self._label}")
        elif event["type"] == "started":
            self._bar.say(self._label)
        elif event["type"] == "progress":
            self._bar(int(event["codes"]), int(event["total_codes"]))


def _save(
    client: Client, job: Mapping[str, Any], options: DrawOptions, out: Path, start: float
) -> tuple[DrawnPrompt, Image.Image]:
    """Save a finished job's pictures, the best first, and return with them all of it as one."""
    shown = [picture for picture in job["pictures"] if not picture["hidden"]]
    if not shown:
        raise NinefoldError("The service hides all pictures of this prompt by its policy.")
    files = [client.load(job, picture) for picture in shown]
    recipes = [_read_recipe(data, client.server) for data in files]
    has_grid = len(shown) > 1 if options.grid is None else options.grid
    saved = save_files(out, recipes[0].prompt, files)
    page = client.load_grid(job) if len(shown) > 1 or has_grid else files[0]
    picture = _decode(page, client.server)
    notices = [str(notice) for notice in job["notices"]]
    num_hidden = len(job["pictures"]) - len(shown)
    if num_hidden:
        notices.append(f"The service hides {num_hidden} of the pictures by its policy.")
    drawn = DrawnPrompt(
        files=add_grid(saved, page) if has_grid else saved,
        recipes=recipes,
        scores=[None] * len(recipes),
        settings=_settings_of(job, recipes[0]),
        notices=notices,
        seconds=time.monotonic() - start,
    )
    return drawn, picture


def _settings_of(job: Mapping[str, Any], recipe: Recipe) -> dict[str, Any]:
    """Return the settings of the whole drawing; a recipe's are those of its picture alone."""
    whole = {"first_image": 0, "rank": True, **job["settings"], "seed": recipe.seed}
    return {**recipe.settings, **whole}


def _read_recipe(data: bytes, server: str) -> Recipe:
    try:
        return parse_recipe(data, f"a picture of {server}")
    except UserError as error:
        raise NinefoldError(f"The service's answer cannot be used: {error}") from None


def _decode(data: bytes, server: str) -> Image.Image:
    try:
        with decoding(), open_picture(data, ["PNG"]) as image:
            return image.convert("RGB")
    except DecodingError:
        raise NinefoldError(f"A picture of {server} is damaged; ask for it again.") from None


def _refuse_what_is_here_only(options: DrawOptions) -> None:
    default = DrawOptions()
    for entry in dataclasses.fields(options):
        name = entry.name
        is_given = getattr(options, name) != getattr(default, name)
        if is_given and (name in _HERE_ONLY or name == "device"):
            flag = f"--{name.replace('_', '-')}"
            raise UserError(f"{flag} is for drawing on this machine; leave it out with --server.")


def _tell_wait(seconds: float, reason: str, is_quiet: bool) -> None:
    if not is_quiet:
        tell(f"{reason} Trying again in {_duration(seconds)}; Ctrl-C gives up.")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"
