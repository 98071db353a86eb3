"""A corpus of a person's own pictures and captions, in the format that training reads.

The folder holds what `corpus.build` writes, with the captions as they were given. How people keep
their pictures is known to `data.shards`.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ninefold.checkpoints.atomic_folder import new_folder
from ninefold.corpus.build import MANIFEST_FILE, Record
from ninefold.data.shards import read_samples
from ninefold.errors import UserError
from ninefold.pictures.decoding import DecodingError, decode_picture

FORMAT = "ninefold-own-pictures-1"
SOURCE = "own"
_REASONS = 5
"""Told where nothing could be used."""


@dataclass(frozen=True)
class OwnCorpus:
    """What was built."""

    num_pictures: int
    left_out: tuple[tuple[str, str], ...]
    """What was left out, each with the reason."""
    remarks: tuple[tuple[str, str], ...] = ()
    """What of pictures that were taken could not be kept, each with its name."""


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
    remarks: list[tuple[str, str]] = []
    squares: list[NDArray[np.uint8]] = []
    for sample in read_samples(pictures, lambda *reason: left_out.append(reason)):
        try:
            decoded = decode_picture(sample.data)
            squares.append(_cut_square(decoded.image, size))
        except DecodingError as error:
            left_out.append((sample.name, str(error)))
            continue
        remarks.extend((sample.name, remark) for remark in decoded.remarks)
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
        on_progress(len(records))
    if not records:
        raise UserError(f"{pictures} holds no picture that can be used; {_reasons(left_out)}.")
    with new_folder(folder, MANIFEST_FILE, replace=True) as part:
        np.save(part / "pictures.npy", np.stack(squares))
        lines = "".join(json.dumps(asdict(record)) + "\n" for record in records)
        (part / "records.jsonl").write_text(lines, encoding="utf-8")
        content = {"format": FORMAT, "size": size, "num_pictures": len(records)}
        (part / MANIFEST_FILE).write_text(json.dumps(content, indent=1), encoding="utf-8")
    return OwnCorpus(len(records), tuple(left_out), tuple(remarks))


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


def _reasons(left_out: Sequence[tuple[str, str]]) -> str:
    told = [f"{name}: {reason}" for name, reason in left_out[:_REASONS]]
    more = len(left_out) - len(told)
    return "; ".join([*told, f"and {more} more"] if more else told) or "it is empty"


def _cut_square(picture: Image.Image, size: int) -> NDArray[np.uint8]:
    """Cut an RGBA picture to its middle square and bring it to (size, size, 4)."""
    # Premultiplied alpha keeps the colour of invisible pixels out of the edges.
    square = ImageOps.fit(picture.convert("RGBa"), (size, size), Image.Resampling.LANCZOS)
    return np.asarray(square.convert("RGBA"))
