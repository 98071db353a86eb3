"""Pictures with captions as people keep them: files side by side, lists, or WebDataset shards.

A folder may hold all three, in any folder below:

- `name.jpg` beside `name.txt`, a caption a line (`data.pairing`);
- lists such as `captions.jsonl`, `metadata.jsonl` or `metadata.csv` (`data.lists`);
- `*.tar` shards (github.com/webdataset/webdataset), read where they lie, never unpacked.

Nothing is decoded here: a sample is a picture's bytes and its captions. Whatever is not read is
told with the reason; only hidden files are passed over.
"""

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ninefold.data.caption_files import captions_of
from ninefold.data.lists import ListReader, is_file, is_list
from ninefold.data.pairing import PairedFile, is_pointer, pair
from ninefold.data.sample import MAX_BYTES, OnLeftOut, Sample
from ninefold.errors import UserError
from ninefold.file_kinds import LFS_POINTER

__all__ = ["MAX_BYTES", "OnLeftOut", "Sample", "captions_of", "read_samples"]

SHARD_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_IGNORED = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
"""What systems leave in folders."""
_CORPUS_FILES = frozenset({"pictures.npy", "records.jsonl"})
"""Of a corpus that was built from such a folder, and may lie in it."""


def read_samples(folder: Path, on_left_out: OnLeftOut) -> Iterator[Sample]:
    """Yield every picture that has a caption: of lists, then of shards, then side by side.

    Args:
        folder: holds pictures with captions.
        on_left_out: told of everything that is not read.

    Raises:
        UserError: there is no such folder, there is nothing in it, or a list is damaged.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder; name one that holds pictures with captions.")
    files = sorted(_walk(folder, on_left_out))
    if not files:
        raise UserError(
            f"{folder} holds no pictures with captions; give each name.jpg a name.txt, write a "
            "captions.jsonl, or put WebDataset shards (*.tar) there."
        )
    return _read(folder, files, on_left_out)


def _read(folder: Path, files: list[Path], on_left_out: OnLeftOut) -> Iterator[Sample]:
    lists = ListReader(folder, files, on_left_out)
    for path in filter(is_list, files):
        yield from lists.read(path)
    shards = [path for path in files if path.name.lower().endswith(SHARD_ENDINGS)]
    for shard in shards:
        yield from _read_shard(shard, shard.relative_to(folder).as_posix(), on_left_out)
    done = {*shards, *lists.named, *filter(is_list, files)}
    entries = [_entry(path, folder) for path in files if path not in done]
    yield from pair(entries, on_left_out)


def _walk(folder: Path, on_left_out: OnLeftOut) -> Iterator[Path]:
    def tell(error: OSError) -> None:
        on_left_out(str(error.filename), f"it cannot be opened: {error.strerror}")

    for place, folders, names in os.walk(folder, onerror=tell):
        here = Path(place)
        if set(names) >= _CORPUS_FILES:
            on_left_out(str(here), "it is a corpus that was built from pictures")
            folders.clear()
            continue
        for name in list(folders):
            if _is_ignored(name):
                folders.remove(name)
            elif (here / name).is_symlink():
                on_left_out(str(here / name), "it is a link to a folder, which is not followed")
        for path in (here / name for name in names if not _is_ignored(name)):
            if is_file(path):
                yield path
            else:
                on_left_out(str(path), "it is no file, or a link to nothing")


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in _IGNORED


def _entry(path: Path, folder: Path) -> PairedFile:
    def read(count: int) -> bytes:
        with path.open("rb") as file:
            return file.read(count)

    name = path.relative_to(folder).as_posix()
    return PairedFile(PurePosixPath(name), name, path.stat().st_size, read)


def _read_shard(path: Path, name: str, on_left_out: OnLeftOut) -> Iterator[Sample]:
    """Yield the samples of a shard; one that is damaged gives those before the damage."""
    if is_pointer(_entry(path, path.parent)):
        on_left_out(name, LFS_POINTER)
        return
    try:
        archive = tarfile.open(path)  # noqa: SIM115 - closed below; its errors are told apart
    except Exception as error:  # decompression raises anything
        reason = str(error) or type(error).__name__
        on_left_out(name, f"it cannot be read as a tar file ({reason}); copy it again")
        return
    with archive:
        members = _members(archive, name, on_left_out)
        yield from pair([_member_entry(archive, name, member) for member in members], on_left_out)


def _members(archive: tarfile.TarFile, name: str, on_left_out: OnLeftOut) -> list[tarfile.TarInfo]:
    """List the files of a shard up to its end or its first damage."""
    members: dict[str, tarfile.TarInfo] = {}
    try:
        for member in archive:
            own_name = PurePosixPath(member.name).name
            if member.isdir() or not own_name or _is_ignored(own_name):
                continue
            if not member.isreg():
                on_left_out(f"{name}: {member.name}", "it is a link or no file, which is not read")
                continue
            if member.name in members:
                on_left_out(
                    f"{name}: {member.name}", "it is there more than once; the last is read"
                )
            members[member.name] = member
        problem = _what_follows(archive)
    except Exception as error:  # decompression raises anything
        problem = f"it is cut off or damaged ({str(error) or type(error).__name__})"
    if problem is not None:
        on_left_out(name, f"{problem}; the {len(members)} files before that are read")
    return list(members.values())


def _what_follows(archive: tarfile.TarFile) -> str | None:
    """Say what is wrong with the end of an archive: `tarfile` ends at any block it cannot read."""
    file = archive.fileobj
    assert file is not None, "an open archive has a file"
    file.seek(archive.offset)
    block = file.read(tarfile.BLOCKSIZE)
    if not block:
        return "it is cut off or damaged (there is no mark at its end)"
    if block.strip(b"\0"):
        return "it is cut off or damaged (what follows is no file)"
    while block:
        block = file.read(1 << 20)
        if block.strip(b"\0"):
            return "more follows after its end, as in tar files put together"
    return None


def _member_entry(archive: tarfile.TarFile, name: str, member: tarfile.TarInfo) -> PairedFile:
    def read(count: int) -> bytes:
        content = archive.extractfile(member)
        assert content is not None, "a regular file has content"
        return content.read(count)

    return PairedFile(PurePosixPath(member.name), f"{name}: {member.name}", member.size, read)
