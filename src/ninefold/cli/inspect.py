"""`ninefold inspect`: what a picture's file says of where it is from, and whether that holds."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ninefold.cli.messages import printable, shorten

if TYPE_CHECKING:
    from ninefold.safety.inspection import Inspection

_STATES = {
    "trusted": "signed by {signer}, who is trusted here; unchanged since",
    "intact": "signed by {signer}, for whom nobody here vouches; unchanged since",
    "broken": "BROKEN: the file or its statement was changed after signing",
}


def inspect(
    picture: Annotated[Path, typer.Argument(help="A PNG, JPEG or WebP file.", show_default=False)],
    trust: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Certificates in PEM of signers that you trust.  [default: your own key's]",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say what a picture's file tells of its origin, and whether it was changed since.

    The exit code is 1 if it was changed after it was signed.
    """
    from ninefold.pictures.png import read_picture_file
    from ninefold.safety.inspection import inspect_picture

    found = inspect_picture(read_picture_file(picture), str(picture), _trusted_roots(trust))
    if as_json:
        typer.echo(json.dumps(found.document(), ensure_ascii=True, indent=2))
    else:
        for line in _lines(found):
            typer.echo(printable(line))
    if found.is_tampered_with:
        raise typer.Exit(1)


def _trusted_roots(path: Path | None) -> bytes | None:
    """Return what is trusted: the certificates in a file, else that of the user's own key."""
    from ninefold.safety.signing_key import default_key_folder, load_key, read_roots

    if path is not None:
        return read_roots(path)
    folder = default_key_folder()
    return load_key(folder).root if folder.exists() else None


def _lines(found: "Inspection") -> Iterator[str]:
    kind = found.media_type.removeprefix("image/").upper()
    size = "damaged" if found.size is None else f"{found.size[0]}×{found.size[1]} pixels"
    yield f"File: {kind}, {size}"
    yield f"Content Credentials: {_credentials(found)}"
    yield from _statement(found)
    for contradiction in found.contradictions:
        yield f"Contradiction: {contradiction}"
    yield f"Recipe: {_recipe(found)}"
    yield f"Invisible mark: {'of Ninefold' if found.is_marked else 'none found'}"
    yield f"Fingerprint: {found.fingerprint or 'none, for its pixels cannot be read'}"


def _credentials(found: "Inspection") -> str:
    manifest = found.manifest
    if manifest is None:
        return "none; either there never were any, or they were taken off"
    text = _STATES[manifest.state].format(signer=shorten(manifest.signer or "nobody"))
    problems = shorten(", ".join(manifest.problems), 200)
    return f"{text} ({problems})" if problems else text


def _statement(found: "Inspection") -> Iterator[str]:
    manifest = found.manifest
    if manifest is None:
        return
    if manifest.is_generated:
        yield "  it says: made by a trained algorithm"
    elif manifest.digital_source_type is not None:
        yield f"  it says: source {shorten(manifest.digital_source_type, 120)}"
    if manifest.generator is not None:
        yield f"  it says: by the program {shorten(manifest.generator)}"
    if manifest.origin is not None:
        origin = manifest.origin
        yield f"  it says: by the model {shorten(origin.model)} ({shorten(origin.model_sha256)})"
        if origin.prompt is not None:
            yield f"  it says: from the prompt {shorten(origin.prompt, 200)}"


def _recipe(found: "Inspection") -> str:
    recipe = found.recipe
    if recipe is None:
        return f"none ({found.recipe_problem})"
    drawn = f"{shorten(recipe.prompt, 200)}, seed {recipe.seed}, picture {recipe.index}"
    return f"{drawn}, by {shorten(recipe.model)} and {shorten(recipe.software)}"
