"""Talks to the Hugging Face hub, or to a mirror that speaks its protocol.

Offline mode, addresses and errors are huggingface_hub's; proxies and certificates those of the
environment (`ninefold.network`). Headers are ours: the library's own add telemetry, for which it
calls the public hub even where another endpoint was asked for. Which files there are, and what they
must be, is not known here (`hub`).
"""

import atexit
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

import httpx2
from huggingface_hub import constants, hf_raise_for_status
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from ninefold import __version__
from ninefold.errors import DownloadError, NinefoldError, UserError
from ninefold.network import LASTING, explain, open_client, require_token

DEFAULT_ENDPOINT = "https://huggingface.co"

_MAX_REDIRECTS = 5


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
            UserError: the endpoint is not an http(s) address, or the token cannot be one.
        """
        chosen = endpoint or os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT
        return cls(
            endpoint=chosen.rstrip("/"), token=require_token(os.environ.get("HF_TOKEN"), "HF_TOKEN")
        )

    @property
    def label(self) -> str:
        """The endpoint as it may be shown, without a password that is part of the address."""
        parts = urlsplit(self.endpoint)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}"


@dataclass(frozen=True)
class Description:
    """What the hub says of a file."""

    commit: str | None
    etag: str | None
    """SHA-256 of a large file, git's hash of another."""
    num_bytes: int | None


def describe(hub: Hub, url: str) -> Description:
    """Ask for a file's headers. Errors are those of huggingface_hub and of its transport.

    A large file is redirected to another host; what there is to know is said by the redirect.
    """
    for _ in range(_MAX_REDIRECTS):
        response = _session().head(
            url, headers=_headers(hub), timeout=hub.timeout, follow_redirects=False
        )
        hf_raise_for_status(response)
        target = urljoin(url, response.headers.get("Location", url))
        if target == url or urlsplit(target).netloc != urlsplit(url).netloc:
            break
        url = target  # the repository was renamed
    headers = response.headers
    size = headers.get("X-Linked-Size") or headers.get("Content-Length")
    etag = headers.get("X-Linked-Etag") or headers.get("ETag")
    return Description(
        commit=headers.get("X-Repo-Commit"),
        etag=etag and etag.removeprefix("W/").strip('"'),
        num_bytes=int(size) if size else None,
    )


@contextmanager
def read_from(hub: Hub, url: str, offset: int) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Open a file's content from byte `offset` on; errors as `describe`.

    Yields:
        The offset at which the content really begins, 0 where the server does not know ranges, and
        the content in pieces of any size.
    """
    headers = _headers(hub)
    if offset:
        headers["Range"] = f"bytes={offset}-"
    # The transport does not pass the token on when it follows a redirect to another host.
    request = _session().stream(
        "GET", url, headers=headers, timeout=hub.timeout, follow_redirects=True
    )
    with request as response:
        hf_raise_for_status(response)
        is_partial = response.status_code == HTTPStatus.PARTIAL_CONTENT
        yield offset if is_partial else 0, response.iter_bytes()


def _session() -> httpx2.Client:
    """Return the one client of this process, unless the library is told to stay offline."""
    if constants.HF_HUB_OFFLINE:
        raise OfflineModeIsEnabled("offline mode is enabled")
    return _client()


@cache
def _client() -> httpx2.Client:
    client = open_client()
    atexit.register(client.close)
    return client


def _headers(hub: Hub) -> dict[str, str]:
    headers = {
        "User-Agent": f"ninefold/{__version__}",
        "Accept-Encoding": "identity",  # offsets and sizes are those of the file itself
    }
    if hub.token:
        headers["Authorization"] = f"Bearer {hub.token}"
    return headers


@dataclass
class Patience:
    """Waits longer after each failure in a row, and gives up in one sentence."""

    hub: Hub
    label: str
    """What is being fetched."""
    failures: int = 0

    def after(self, error: Exception, state: str = "") -> None:
        """Wait after `error`, or raise what it means to a person.

        Raises:
            DownloadError: it will not help to wait, or enough was waited.
            UserError: the environment names a proxy or certificates that cannot be used.
        """
        if isinstance(error, NinefoldError):
            raise error
        if not _is_transient(error) or self.failures == len(self.hub.pauses):
            raise _explain(error, self.hub, self.label, state) from None
        time.sleep(self.hub.pauses[self.failures])
        self.failures += 1


def is_local(error: Exception) -> bool:
    """Tell a failure to write from one to read."""
    return isinstance(error, OSError) and not isinstance(error, (HfHubHTTPError, ConnectionError))


def _is_transient(error: Exception) -> bool:
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return status >= 500 or status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
    return not isinstance(error, (OfflineModeIsEnabled, *LASTING))


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
    is_early = isinstance(error, (httpx2.ConnectError, httpx2.ProxyError))
    reason = explain(error, hub.endpoint) if is_early else type(error).__name__
    return DownloadError(
        f"The connection to {hub.label} failed for {label} ({reason}){state}; run "
        "the command again and it goes on from there."
    )
