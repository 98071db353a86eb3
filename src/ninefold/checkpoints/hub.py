"""Downloads published files: resumed where they broke off, and compared with their hashes.

The bytes are written by this module and not by `hf_hub_download`, because a weight file has ten
gigabytes: what is here already is kept when a connection breaks or the command is stopped, and the
next run goes on from there, which `hf_hub_download` no longer does. A file gets its name only once
its size and hash are right (docs/decisions/0005-hub-downloads.md). What the files mean is not known
here.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import hf_hub_url

from ninefold.checkpoints.disk import explain_disk_error
from ninefold.checkpoints.hub_client import Hub, Patience, describe, is_local, read_from
from ninefold.checkpoints.published import PublishedFile, PublishedSource
from ninefold.errors import DownloadError

OnProgress = Callable[[str, int, int], None]
"""Called with a file's label, its bytes that are here, and its bytes in all."""

_CHUNK = 1 << 20
_GIT_HASH = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class _Remote:
    """One file as the hub describes it, once that is known to be what we want."""

    label: str
    hub: Hub
    url: str
    etag: str
    num_bytes: int
    sha256: str | None
    """What we know ourselves."""


def missing_bytes(source: PublishedSource, folder: Path) -> int:
    """Return about how many bytes of `source` are still to be downloaded into `folder`."""
    missing = 0
    for file in source.files:
        if not (folder / file.name).is_file():
            parts = folder.glob(f"{file.name}.*.part")
            here = max((part.stat().st_size for part in parts), default=0)
            missing += max(file.num_bytes - here, 0)
    return missing


def fetch_source(source: PublishedSource, folder: Path, hub: Hub, on_progress: OnProgress) -> None:
    """Download every file of `source` into `folder`, leaving alone what is there already.

    Not safe for two processes at once: `install` holds a lock.

    Raises:
        DownloadError: a file could not be fetched, or is not the published one.
        UserError: the folder cannot be written to, or its disk is full.
    """
    for file in source.files:
        fetch_file(source, file, folder, hub, on_progress)


def fetch_file(
    source: PublishedSource, file: PublishedFile, folder: Path, hub: Hub, on_progress: OnProgress
) -> Path:
    """Download one file of `source` into `folder` and return its path; see `fetch_source`."""
    target = folder / file.name
    if target.is_file():
        size = _size(target)
        on_progress(f"{source.repository}/{file.name}", size, size)
        return target
    remote = _look_up(source, file, hub)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.{remote.etag[:16]}.part")
        _download(remote, part, on_progress)
        _check(remote, part)
        part.replace(target)
    except OSError as error:
        raise explain_disk_error(error, folder) from None
    return target


def _look_up(source: PublishedSource, file: PublishedFile, hub: Hub) -> _Remote:
    """Ask the hub for a file's hash and size, and refuse another file than the published one."""
    url = hf_hub_url(source.repository, file.name, revision=source.revision, endpoint=hub.endpoint)
    label = f"{source.repository}/{file.name}"
    patience = Patience(hub, label)
    while True:
        try:
            found = describe(hub, url)
            break
        except Exception as error:  # the transport, and so its errors, differ between versions
            patience.after(error)
    if found.commit is None or found.etag is None or found.num_bytes is None:
        raise DownloadError(
            f"{hub.label} does not answer for {label} as a Hugging Face hub does; check the "
            "endpoint and the proxy."
        )
    if _GIT_HASH.fullmatch(source.revision) and found.commit != source.revision:
        raise DownloadError(
            f"{hub.label} offers {label} at another revision than {source.revision[:12]}; use "
            "another endpoint."
        )
    if not (_SHA256.fullmatch(found.etag) or _GIT_HASH.fullmatch(found.etag)):
        raise DownloadError(
            f"{hub.label} gives no hash for {label}, so a download could not be verified; use "
            "another endpoint."
        )
    if file.sha256 and _SHA256.fullmatch(found.etag) and found.etag != file.sha256:
        raise _wrong_hash(hub, label, file.sha256, found.etag)
    return _Remote(label, hub, url, found.etag, found.num_bytes, file.sha256)


def _download(remote: _Remote, part: Path, on_progress: OnProgress) -> None:
    """Append to `part` what it lacks, waiting and going on when the connection breaks."""
    patience = Patience(remote.hub, remote.label)
    if _size(part) > remote.num_bytes:
        part.unlink()
    while (before := _size(part)) < remote.num_bytes:
        try:
            _append(remote, part, on_progress)
        except _TooLongError:
            part.unlink()
            raise DownloadError(
                f"{remote.hub.label} sends more of {remote.label} than the {remote.num_bytes:,} "
                "bytes that it announced, so nothing was kept; use another endpoint."
            ) from None
        except Exception as error:  # as in _look_up
            if is_local(error):
                raise
            if _size(part) > before:
                patience.failures = 0
            patience.after(error, f", with {_size(part):,} of {remote.num_bytes:,} bytes here")
    part.touch()  # an empty file is a file too


class _TooLongError(Exception):
    """More came than was announced."""


def _append(remote: _Remote, part: Path, on_progress: OnProgress) -> None:
    """Make one request for the rest of `part`."""
    with read_from(remote.hub, remote.url, _size(part)) as (here, content), part.open("ab") as out:
        out.truncate(here)
        for piece in content:
            if here + len(piece) > remote.num_bytes:
                raise _TooLongError
            out.write(piece)
            here += len(piece)
            on_progress(remote.label, here, remote.num_bytes)


def _check(remote: _Remote, part: Path) -> None:
    """Compare the content with the hashes that it must have; a file that is wrong is deleted."""
    if _SHA256.fullmatch(remote.etag):
        hashes = {remote.etag: hashlib.sha256()}
    else:  # the hash that git gives to a file's content
        hashes = {remote.etag: hashlib.sha1(b"blob %d\0" % _size(part), usedforsecurity=False)}
    if remote.sha256:
        hashes[remote.sha256] = hashlib.sha256()
    with part.open("rb") as content:
        while chunk := content.read(_CHUNK):
            for digest in hashes.values():
                digest.update(chunk)
    for expected, digest in hashes.items():
        if digest.hexdigest() != expected:
            part.unlink()
            raise _wrong_hash(remote.hub, remote.label, expected, digest.hexdigest())


def _wrong_hash(hub: Hub, label: str, expected: str, found: str) -> DownloadError:
    return DownloadError(
        f"{label} from {hub.label} is not the published file (hash {found[:12]}…, not "
        f"{expected[:12]}…), so it was not kept; run the command again or use another endpoint."
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
