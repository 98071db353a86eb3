"""A corpus of a person's own pictures and captions, in the format that training reads.

The folder holds what `corpus.build` writes, with the captions as they were given. How people keep
their pictures is known to `data.shards`.
"""

import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ninefold.checkpoints.atomic_folder import new_folder
from ninefold.corpus.build import MANIFEST_FILE, Record
from ninefold.data.shards import read_samples
from ninefold.errors import UserError

FORMAT = "ninefold-own-pictures-1"
SOURCE = "own"


@dataclass(frozen=True)
class OwnCorpus:
    """What was built."""

    num_pictures: int
    left_out: tuple[tuple[str, str], ...]
    """What was left out, each with the reason."""


def build_own_corpus(
    pictures: Path,
    folder: Path,
    size: int,
    on_progress: Callable[[int], None] = lambda _done: None,
) -> OwnCorpus:
    """Build a corpus from a folder of pictures with captions.

    Pictures are turned as their camera says, cut to the middle square and brought to `size`.

    Args:
        pictures: in a layout that `data.shards` reads.
        folder: where to write, whole or not at all; a corpus that is there is replaced.
        size: side of the pictures in pixels.
        on_progress: called with the number of pictures done.

    Raises:
        UserError: there are no usable pictures, or `folder` holds something else or cannot be
            written.
    """
    _refuse_other_corpus(folder)
    left_out: list[tuple[str, str]] = []
    records: list[Record] = []
    squares: list[NDArray[np.uint8]] = []
    for sample in read_samples(pictures, lambda *reason: left_out.append(reason)):
        square = _read_square(sample.data, size)
        if square is None:
            left_out.append((sample.name, "it is no picture that can be read"))
            continue
        records.append(
            Record(
                source=SOURCE,
                style="",
                hexcode=f"{SOURCE}-{len(records)}",
                label=sample.captions[0],
                tags=(),
                group=SOURCE,
                subgroup=sample.name,
                captions=sample.captions,
            )
        )
        squares.append(square)
        on_progress(len(records))
    if not records:
        name, reason = left_out[0] if left_out else (str(pictures), "it is empty")
        raise UserError(f"{pictures} holds no picture that can be used; {name}: {reason}.")
    with new_folder(folder, MANIFEST_FILE, replace=True) as part:
        np.save(part / "pictures.npy", np.stack(squares))
        lines = "".join(json.dumps(asdict(record)) + "\n" for record in records)
        (part / "records.jsonl").write_text(lines, encoding="utf-8")
        content = {"format": FORMAT, "size": size, "num_pictures": len(records)}
        (part / MANIFEST_FILE).write_text(json.dumps(content, indent=1), encoding="utf-8")
    return OwnCorpus(len(records), tuple(left_out))


def _refuse_other_corpus(folder: Path) -> None:
    manifest = folder / MANIFEST_FILE
    if not manifest.is_file():
        return
    try:
        found = json.loads(manifest.read_bytes()).get("format")
    except (ValueError, AttributeError):
        found = None
    if found != FORMAT:
        raise UserError(f"{folder} holds another corpus, which is kept; name another folder.")


def _read_square(data: bytes, size: int) -> NDArray[np.uint8] | None:
    """Decode a picture to (size, size, 4) RGBA, or None where it cannot be read."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    # Premultiplied alpha keeps the colour of invisible pixels out of the edges.
    square = ImageOps.fit(upright.convert("RGBa"), (size, size), Image.Resampling.LANCZOS)
    return np.asarray(square.convert("RGBA"))
