"""Finds the parts of a published model among files that are on this machine already.

People have these files as git clones of the hub's repositories, as min-dalle's `pretrained` folder,
or gathered by hand, so the parts are looked for by content, in a folder and those inside it.
Nothing is read but configurations (`convert` opens the rest).
"""

from collections.abc import Iterator
from pathlib import Path

from ninefold.checkpoints.convert import WORDS_FILE, ModelSources, SourceFormat, detect_formats
from ninefold.errors import CheckpointError, UserError

_DEPTH = 2
_DALLEBART = {SourceFormat.FLAX_DALLEBART, SourceFormat.MIN_DALLE}
_VQGAN = {SourceFormat.FLAX_VQGAN, SourceFormat.TAMING, SourceFormat.DETOKER}
_CLIP = {SourceFormat.CLIP}


def find_sources(
    folder: Path, *, vqgan: Path | None = None, clip: Path | None = None, with_clip: bool = True
) -> ModelSources:
    """Find the parts of a model in `folder` and in the folders inside it, two levels down.

    Args:
        folder: where to look.
        vqgan: folder of the VQGAN, where it is not in `folder`.
        clip: folder of CLIP, where it is not in `folder`.
        with_clip: whether to take a CLIP that is there.

    Raises:
        UserError: the transformer or the VQGAN is not there, or a part is there more than once.
        CheckpointError: the configuration in `folder` itself is damaged.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; give the one that holds the published files.")
    found = {path: _formats(path, is_asked_for=path == folder) for path in _folders(folder)}
    if SourceFormat.NINEFOLD in found[folder]:
        raise UserError(
            f"{folder} is a model of ninefold already; draw with it by `--model {folder}`."
        )
    transformer = _only(found, _DALLEBART, "transformer (DalleBart)", folder)
    if transformer is None:
        raise UserError(
            f"{folder} holds no transformer: neither flax_model.msgpack with its config.json, nor "
            "encoder.pt and decoder.pt."
        )
    vqgan = vqgan or _only(found, _VQGAN, "VQGAN", folder)
    if vqgan is None:
        raise UserError(f"{folder} holds no VQGAN; give its folder with --vqgan.")
    if with_clip:
        clip = clip or _only(found, _CLIP, "CLIP", folder)
    words = (path / WORDS_FILE for path in found)
    return ModelSources(transformer, vqgan, clip, next((w for w in words if w.is_file()), None))


def _folders(folder: Path) -> Iterator[Path]:
    """The folder, then those inside it, nearest first."""
    level = [folder]
    for _ in range(_DEPTH + 1):
        yield from level
        inside = (path for parent in level for path in sorted(parent.iterdir()))
        level = [path for path in inside if path.is_dir() and not path.name.startswith(".")]


def _formats(folder: Path, *, is_asked_for: bool) -> set[SourceFormat]:
    try:
        return set(detect_formats(folder))
    except UserError:
        return set()
    except CheckpointError:
        if is_asked_for:
            raise
        return set()  # somebody else's folder, beside the ones that are meant


def _only(
    found: dict[Path, set[SourceFormat]], wanted: set[SourceFormat], part: str, folder: Path
) -> Path | None:
    """The nearest folder that holds the part; two at the same depth are one too many."""
    holders = [path for path, formats in found.items() if formats & wanted]
    if not holders:
        return None
    nearest = [path for path in holders if len(path.parts) == len(holders[0].parts)]
    if len(nearest) > 1:
        names = ", ".join(str(path) for path in nearest)
        raise UserError(
            f"{folder} holds more than one {part} ({names}); name the folder of one of them."
        )
    return nearest[0]
