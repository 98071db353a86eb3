"""Downloads published files from the Hugging Face hub, or from a mirror that speaks its protocol.

Built on huggingface_hub for addresses, metadata, authentication, proxies and errors. The bytes are
written by this module, because a weight file has ten gigabytes: what is here already is kept when a
connection breaks or the command is stopped, and the next run goes on from there, which
`hf_hub_download` no longer does. A file gets its name only once its size and hash are right
(docs/decisions/0005-hub-downloads.md). What the files mean is not known here.
"""

import hashlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import (
    get_hf_file_metadata,
    get_session,
    hf_hub_url,
    hf_raise_for_status,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from ninefold import __version__
from ninefold.checkpoints.disk import explain_disk_error
from ninefold.checkpoints.published import PublishedFile, Source
from ninefold.errors import DownloadError, UserError

DEFAULT_ENDPOINT = "https://huggingface.co"

OnProgress = Callable[[str, int, int], None]
"""Called with a file's label, its bytes that are here, and its bytes in all."""

_CHUNK = 1 << 20
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Hub:
    """Where to download from, and how patiently."""

    endpoint: str = DEFAULT_ENDPOINT
    token: str | None = field(default=None, repr=False)
    """Access token, sent to the endpoint alone and never shown. None sends none."""
    pauses: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    """Seconds to wait after each failure in a row that brought no new bytes, before giving up."""
    timeout: float = 30.0
    """Seconds without an answer after which a connection counts as broken."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError(
                f"{self.endpoint!r} is not the address of a hub; one is {DEFAULT_ENDPOINT}."
            )

    @classmethod
    def from_environment(cls, endpoint: str | None = None) -> "Hub":
        """Build from `endpoint`, else HF_ENDPOINT, else the public hub, with the token in HF_TOKEN.

        Raises:
            UserError: the endpoint is not an http(s) address.
        """
        chosen = endpoint or os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT
        return cls(endpoint=chosen.rstrip("/"), token=os.environ.get("HF_TOKEN") or None)

    @property
    def label(self) -> str:
        """The endpoint as it may be shown, without a password that is part of the address."""
        parts = urlsplit(self.endpoint)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}"


@dataclass(frozen=True)
class _Remote:
    """One file as the hub describes it."""

    label: str
    hub: Hub
    url: str
    etag: str
    """SHA-256 of a large file, git's hash of another."""
    num_bytes: int
    sha256: str | None
    """What we know ourselves."""


def missing_bytes(source: Source, folder: Path) -> int:
    """Return about how many bytes of `source` are still to be downloaded into `folder`."""
    missing = 0
    for file in source.files:
        if not (folder / file.name).is_file():
            parts = folder.glob(f"{file.name}.*.part")
            here = max((part.stat().st_size for part in parts), default=0)
            missing += max(file.num_bytes - here, 0)
    return missing


def fetch_source(source: Source, folder: Path, hub: Hub, on_progress: OnProgress) -> None:
    """Download every file of `source` into `folder`, leaving alone what is there already.

    Not safe for two processes at once: `install` holds a lock.

    Raises:
        DownloadError: a file could not be fetched, or is not the published one.
        UserError: the folder cannot be written to, or its disk is full.
    """
    for file in source.files:
        fetch_file(source, file, folder, hub, on_progress)


def fetch_file(
    source: Source, file: PublishedFile, folder: Path, hub: Hub, on_progress: OnProgress
) -> Path:
    """Download one file of `source` into `folder` and return its path; see `fetch_source`."""
    target = folder / file.name
    if target.is_file():
        size = target.stat().st_size
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


def _look_up(source: Source, file: PublishedFile, hub: Hub) -> _Remote:
    """Ask the hub for a file's hash and size, and refuse another file than the published one."""
    url = hf_hub_url(source.repository, file.name, revision=source.revision, endpoint=hub.endpoint)
    where = f"{source.repository}/{file.name}"
    patience = _Patience(hub, where)
    while True:
        try:
            found = get_hf_file_metadata(url, token=hub.token or False, timeout=hub.timeout)
            break
        except Exception as error:  # the transport, and so its errors, differ between versions
            patience.after(error)
    if found.commit_hash is None or found.etag is None or found.size is None:
        raise DownloadError(
            f"{hub.label} does not answer for {where} as a Hugging Face hub does; check the "
            "endpoint and the proxy."
        )
    if _COMMIT.fullmatch(source.revision) and found.commit_hash != source.revision:
        raise DownloadError(
            f"{hub.label} offers {where} at another revision than {source.revision[:12]}; use "
            "another endpoint."
        )
    if not (_SHA256.fullmatch(found.etag) or _COMMIT.fullmatch(found.etag)):
        raise DownloadError(
            f"{hub.label} gives no hash for {where}, so a download could not be verified; use "
            "another endpoint."
        )
    if file.sha256 and _SHA256.fullmatch(found.etag) and found.etag != file.sha256:
        raise _wrong_hash(hub, where, file.sha256, found.etag)
    return _Remote(where, hub, url, found.etag, found.size, file.sha256)


def _download(remote: _Remote, part: Path, on_progress: OnProgress) -> None:
    """Append to `part` what it lacks, waiting and going on when the connection breaks."""
    patience = _Patience(remote.hub, remote.label)
    if _size(part) > remote.num_bytes:
        part.unlink()
    while (before := _size(part)) < remote.num_bytes:
        try:
            _stream(remote, part, on_progress)
        except Exception as error:  # as in _look_up
            if _is_local(error):
                raise
            if _size(part) > before:
                patience.failures = 0
            patience.after(error, f", with {_size(part):,} of {remote.num_bytes:,} bytes here")
    part.touch()  # an empty file is a file too


def _stream(remote: _Remote, part: Path, on_progress: OnProgress) -> None:
    """Make one request for the rest of `part`."""
    headers = {
        "User-Agent": f"ninefold/{__version__}",
        "Accept-Encoding": "identity",  # offsets and sizes are those of the file itself
    }
    if remote.hub.token:  # not passed on when the endpoint redirects to another host
        headers["Authorization"] = f"Bearer {remote.hub.token}"
    if offset := _size(part):
        headers["Range"] = f"bytes={offset}-"
    request = get_session().stream(
        "GET", remote.url, headers=headers, timeout=remote.hub.timeout, follow_redirects=True
    )
    with request as response, part.open("ab") as out:
        hf_raise_for_status(response)
        if response.status_code != HTTPStatus.PARTIAL_CONTENT:
            out.truncate(0)
        here = out.tell() if response.status_code == HTTPStatus.PARTIAL_CONTENT else 0
        for chunk in response.iter_bytes():  # of any size, so that a cut loses none of them
            out.write(chunk)
            here += len(chunk)
            on_progress(remote.label, here, remote.num_bytes)


def _check(remote: _Remote, part: Path) -> None:
    """Compare size and hash with what was promised; a file that is wrong is deleted."""
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


@dataclass
class _Patience:
    """Waits longer after each failure in a row, and gives up in one sentence."""

    hub: Hub
    label: str
    failures: int = 0

    def after(self, error: Exception, state: str = "") -> None:
        """Wait after `error`, or raise what it means to a person.

        Raises:
            DownloadError: it will not help to wait, or enough was waited.
        """
        if not _is_transient(error) or self.failures == len(self.hub.pauses):
            raise _explain(error, self.hub, self.label, state) from None
        time.sleep(self.hub.pauses[self.failures])
        self.failures += 1


def _is_transient(error: Exception) -> bool:
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return status >= 500 or status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
    return not isinstance(error, OfflineModeIsEnabled)


def _is_local(error: Exception) -> bool:
    """Tell a failure to write from one to read."""
    return isinstance(error, OSError) and not isinstance(error, (HfHubHTTPError, ConnectionError))


def _explain(error: Exception, hub: Hub, label: str, state: str) -> DownloadError:
    """One sentence for each way to fail; an error's own text may show signed addresses."""
    if isinstance(error, OfflineModeIsEnabled):
        return DownloadError(
            f"{label} is not here and HF_HUB_OFFLINE forbids to download it; unset that, or use "
            "`ninefold pull NAME --from FOLDER`."
        )
    if isinstance(error, (EntryNotFoundError, RevisionNotFoundError)):
        return DownloadError(f"{hub.label} has no {label} at the published revision.")
    if isinstance(error, RepositoryNotFoundError):
        return DownloadError(
            f"{hub.label} shows no {label}: the repository is gone, or needs an access token in "
            "HF_TOKEN."
        )
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return DownloadError(f"{hub.label} answered {status} for {label}{state}; try again later.")
    return DownloadError(
        f"The connection to {hub.label} failed for {label} ({type(error).__name__}){state}; run "
        "the command again and it goes on from there."
    )


def _wrong_hash(hub: Hub, label: str, expected: str, found: str) -> DownloadError:
    return DownloadError(
        f"{label} from {hub.label} is not the published file (hash {found[:12]}…, not "
        f"{expected[:12]}…), so it was not kept; run the command again or use another endpoint."
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
