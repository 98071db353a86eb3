"""Where a drawing's files go: a new folder of its own, named after the prompt."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from ninefold.atomic_file import write_new
from ninefold.errors import UserError
from ninefold.pictures.naming import claim_folder, picture_stem
from ninefold.pictures.png import Recipe, encode_png

Finish = Callable[[bytes, Recipe], bytes]
"""Given a picture's file and the recipe it was drawn from, returns the file that is written."""

GRID_FILE = "grid.png"


@dataclass(frozen=True)
class SavedDrawing:
    """Where one drawing was written."""

    folder: Path
    pictures: Sequence[Path]
    """In the order of the drawing: the best first where pictures are ranked."""
    grid: Path | None


@contextmanager
def prepared_folder(out: Path) -> Iterator[None]:
    """Create `out` where it is missing, and try whether files can be written there.

    If the block ends with an error and nothing is in a folder that was created, it is removed.

    Raises:
        UserError: no files can be written.
    """
    is_new = _make_writable(out)
    try:
        yield
    except BaseException:
        if is_new:
            with suppress(OSError):  # what was saved keeps it
                out.rmdir()
        raise


def save_drawing(
    out: Path,
    pictures: Sequence[tuple[Image.Image, Recipe]],
    grid: Image.Image | None,
    finish: Finish = lambda data, _: data,
) -> SavedDrawing:
    """Write the pictures of one prompt, and their grid, into a new folder below `out`.

    Args:
        out: the folder for all prompts.
        pictures: with their recipes, in the order of their numbers.
        grid: all of them as one picture, which carries no recipe.
        finish: what signs the files; by default they are written as they are.

    Raises:
        UserError: a file cannot be written; those before it are whole and stay.
    """
    files = (finish(encode_png(picture, recipe), recipe) for picture, recipe in pictures)
    saved = save_files(out, pictures[0][1].prompt, files)
    return saved if grid is None else add_grid(saved, finish(encode_png(grid), pictures[0][1]))


def save_files(out: Path, prompt: str, pictures: Iterable[bytes]) -> SavedDrawing:
    """Write the PNG files of one prompt into a new folder below `out`, named after it.

    Each is written when it is there, so that what fails later loses none.

    Raises:
        UserError: a file cannot be written; those before it are whole and stay.
    """
    stem = picture_stem(prompt)
    try:
        folder = claim_folder(out, stem)
        paths = [
            write_new(folder / f"{stem}-{number}.png", data)
            for number, data in enumerate(pictures, start=1)
        ]
    except OSError as error:
        raise _cannot_write(out, error) from None
    return SavedDrawing(folder, paths, None)


def add_grid(saved: SavedDrawing, data: bytes) -> SavedDrawing:
    """Write the picture of all pictures beside them.

    Raises:
        UserError: it cannot be written; the pictures stay.
    """
    try:
        return replace(saved, grid=write_new(saved.folder / GRID_FILE, data))
    except OSError as error:
        raise _cannot_write(saved.folder.parent, error) from None


def _make_writable(out: Path) -> bool:
    """Return whether the folder `out` had to be made."""
    try:
        try:
            out.mkdir(parents=True)
            is_new = True
        except FileExistsError:
            is_new = False
        trial = claim_folder(out, ".ninefold-trial")
        try:
            write_new(trial / "file", b"").unlink()
        finally:
            trial.rmdir()
    except OSError as error:
        raise _cannot_write(out, error) from None
    return is_new


def _cannot_write(out: Path, error: OSError) -> UserError:
    reason = error.strerror or type(error).__name__
    return UserError(
        f"Pictures cannot be saved in {str(out)!r} ({reason}); choose another folder with --out."
    )
