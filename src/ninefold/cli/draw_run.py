"""A run of `ninefold draw` on this machine: the model is loaded once, and draws each prompt."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from PIL import Image

from ninefold.cli.draw_files import add_grid, prepared_folder, save_drawing
from ninefold.cli.draw_prompts import draw_prompts
from ninefold.cli.draw_report import DrawnPrompt
from ninefold.cli.draw_request import DrawPlan, Original
from ninefold.cli.messages import shorten, tell
from ninefold.cli.progress import progress_bar
from ninefold.drawing import Drawing, Picture, Progress
from ninefold.engine.config import DEFAULT_DTYPE, PLAIN
from ninefold.errors import NinefoldError, UserError
from ninefold.generation.params import Completed
from ninefold.pictures.grid import grid
from ninefold.pictures.png import encode_png, without_manifest
from ninefold.pipeline import TextToImage
from ninefold.safety.mark import MARK, put_mark
from ninefold.text.normalize import transliteration_of_folder


def run(request: DrawPlan) -> None:
    """Draw all prompts of a request.

    Raises:
        UserError: the folder cannot be written, or the model cannot draw this.
        CheckpointError: the model's files are damaged.
        NinefoldError: there is not enough memory.
    """
    with prepared_folder(request.out), _memory_explained(request):
        with progress_bar("Loading the model", is_hidden=request.is_quiet):
            artist = TextToImage.load(
                request.model_folder,
                request.device,
                request.dtype,
                backend=request.backend,
                policy=request.policy,
                threads=request.threads,
            )
        completed = request.complete(artist.config.preset)
        if request.original is not None:
            _require_same_model(request.original, artist)
        _draw_all(request, artist, completed)


def _draw_all(request: DrawPlan, artist: TextToImage, completed: Completed) -> None:
    if not request.is_quiet:
        tell(f"Drawing with {artist.config.name}, seed {completed.params.seed}.")
    if request.is_verbose:
        tell(_describe_reading(request, artist))

    def draw(prompt: str, label: str) -> tuple[DrawnPrompt, Image.Image]:
        return _draw(request, artist, completed, prompt, label)

    draw_prompts(request.prompts, draw, is_json=request.is_json, is_quiet=request.is_quiet)


def _describe_reading(request: DrawPlan, artist: TextToImage) -> str:
    if not artist.config.normalize_text:
        return "Prompts are read as they are typed."
    used = transliteration_of_folder(request.model_folder)
    return f"Prompts in other scripts are spelled in ASCII by {used.name}."


def _draw(
    request: DrawPlan, artist: TextToImage, completed: Completed, prompt: str, label: str
) -> tuple[DrawnPrompt, Image.Image]:
    """Draw and save one prompt, and return with it the picture that shows all of it."""
    start = time.monotonic()
    with progress_bar(label, is_hidden=request.is_quiet) as advance_to:

        def on_progress(progress: Progress) -> None:
            advance_to(progress.step, progress.total)

        drawing = artist.draw(prompt, completed.params, on_progress=on_progress)
    pictures = _pick(drawing, request.original)
    recipes = [drawing.recipe(picture) for picture in pictures]
    if request.is_marked:
        pictures = [replace(each, image=put_mark(each.image)) for each in pictures]
        recipes = [replace(recipe, mark=MARK) for recipe in recipes]
    has_grid = len(pictures) > 1 if request.has_grid is None else request.has_grid
    images = [picture.image for picture in pictures]
    finish = request.finish or (lambda data, _: data)
    pairs = list(zip(images, recipes, strict=True))
    files = save_drawing(request.out, pairs, None, finish)
    notices, page = [*completed.notices, *drawing.notices], images[0]
    try:  # what was drawn is saved: a caption that cannot be set is no reason to lose it
        page = _compose(drawing, pictures)
    except Exception as error:
        notices.append(
            f"The pictures are saved, but could not be set into one ({type(error).__name__}: "
            f"{error}); please report it."
        )
        has_grid = False
    if has_grid:
        files = add_grid(files, finish(encode_png(page), recipes[0]))
    if request.original is not None:
        notices.append(_compare(request.original, files.pictures[0].read_bytes()))
    drawn = DrawnPrompt(
        files=files,
        recipes=recipes,
        scores=[picture.score for picture in pictures],
        settings=drawing.params.to_dict() | {"dtype": drawing.dtype},
        notices=notices,
        seconds=time.monotonic() - start,
    )
    return drawn, page if len(pictures) > 1 else images[0]


def _pick(drawing: Drawing, original: Original | None) -> Sequence[Picture]:
    """All pictures, or of a seamless square the one that is drawn again."""
    if original is None:
        return drawing.pictures
    index = original.recipe.index
    return [picture for picture in drawing.pictures if picture.image_index == index]


def _compose(drawing: Drawing, pictures: Sequence[Picture]) -> Image.Image:
    """Lay out the pictures in a square with the prompt below; seamless ones without gaps."""
    images = [picture.image for picture in pictures]
    columns = math.ceil(math.sqrt(len(images)))
    if drawing.params.seamless and len(images) == columns**2:
        images, columns = [_join(images, columns)], 1
    return grid(images, drawing.prompt, columns)


def _join(images: Sequence[Image.Image], columns: int) -> Image.Image:
    width, height = images[0].size
    square = Image.new("RGB", (width * columns, height * columns))
    for place, image in enumerate(images):
        row, column = divmod(place, columns)
        square.paste(image, (width * column, height * row))
    return square


def _require_same_model(original: Original, artist: TextToImage) -> None:
    recipe = original.recipe
    found = artist.config.sha256
    if found != recipe.model_sha256:
        raise UserError(
            f"The model {artist.config.name!r} here ({found[:12]}) is not the one that drew "
            f"{str(original.path)!r} ({shorten(recipe.model)!r}, "
            f"{shorten(recipe.model_sha256, 12)}); give the folder of that one with --model."
        )


def _compare(original: Original, data: bytes) -> str:
    if original.data == data:
        return "This is the same picture, byte for byte."
    if without_manifest(original.data) == without_manifest(data):
        return "This is the same picture, byte for byte but for Content Credentials."
    return (
        f"The file differs from {str(original.path)!r}: that was written by "
        f"{shorten(original.recipe.software)!r}, or with another PyTorch, Pillow, device or number "
        "of threads."
    )


@contextmanager
def _memory_explained(request: DrawPlan) -> Iterator[None]:
    """Turn PyTorch's errors about memory, which have no type of their own on a CPU, into ours."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        text = str(error)
        is_memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
        if not is_memory and "can't allocate memory" not in text:
            raise
        can_be_smaller = request.dtype == DEFAULT_DTYPE and request.backend == PLAIN
        formats = ", --dtype bfloat16" if can_be_smaller else ""
        raise NinefoldError(
            "There is not enough memory to draw this; use a smaller model, fewer --candidates"
            f"{formats}, or another --device."
        ) from error
