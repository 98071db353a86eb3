"""HTTP as the environment wants it: proxies and certificates, each read when a request needs it.

A proxy that the address does not need, or certificates that plain HTTP does not need, can be wrong
without harm; one that is needed and cannot be used is a sentence that names its variable. Secrets
are checked before they are sent, and are in no message. Knows nothing of what is asked for.
"""

import ipaddress
import os
import ssl
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from urllib.request import getproxies_environment

import httpx2

from ninefold.errors import UserError

CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Name a file of trusted certificates; the first that is set is read."""
CERTIFICATE_FOLDER_VARIABLE = "SSL_CERT_DIR"

LASTING = (httpx2.LocalProtocolError, httpx2.ProxyError, httpx2.UnsupportedProtocol)
"""Errors of a request that trying again does not mend."""

_PROXY_SCHEMES: Mapping[str, str] = {
    "http": "http",
    "https": "https",
    "socks5": "socks5",
    "socks5h": "socks5h",
    "socks": "socks5",  # as desktops write it
}


def open_client(
    *,
    base_url: str = "",
    headers: Mapping[str, str] | None = None,
    timeout: httpx2.Timeout | float | None = None,
) -> httpx2.Client:
    """Return a client that uses the environment's proxies and certificates; nothing is sent yet.

    Its requests raise `UserError` where they need a proxy or certificates that cannot be used.
    """
    return httpx2.Client(
        base_url=base_url,
        headers=headers,
        timeout=timeout,
        transport=_EnvironmentTransport(),
        trust_env=False,
    )


def require_token(value: str | None, name: str) -> str | None:
    """Return an access token or key without white space around it; None where there is none.

    Args:
        value: what the person gave, for example with the line's end of a file.
        name: where they gave it.

    Raises:
        UserError: it holds what no header can; it is not shown.
    """
    token = (value or "").strip()
    if not token:
        return None
    if not all("!" <= character <= "~" for character in token):
        raise UserError(
            f"{name} holds spaces, line ends or other characters that no key has; copy it again."
        )
    return token


def without_password(address: str) -> str:
    """Return an address as it may be shown."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def explain(error: Exception, address: str) -> str:
    """Return why a request to an address failed, as part of a sentence, and without secrets."""
    reason = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return (
            "its certificate is not trusted here; name the certificate of whoever signed it in "
            f"{CERTIFICATE_VARIABLES[0]}"
        )
    if isinstance(error, httpx2.LocalProtocolError):
        reason = "the request cannot be sent"  # its text quotes headers
    found = proxy_for(address)
    return reason if found is None else f"{reason}, by the proxy in {found[0]}"


class _EnvironmentTransport(httpx2.BaseTransport):
    """Sends each request directly or through the proxy that the environment names for it."""

    def __init__(self) -> None:
        self._transports: dict[tuple[str | None, ssl.SSLContext], httpx2.HTTPTransport] = {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        address = str(request.url)
        found = proxy_for(address)
        proxy = None if found is None else _require_proxy(*found)
        context = _trusted() if request.url.scheme == "https" else _trusting_nobody()
        key = (None if found is None else found[1], context)
        if key not in self._transports:
            if proxy is not None and proxy.url.scheme == "https":
                proxy = httpx2.Proxy(proxy.url, auth=proxy.auth, ssl_context=_trusted())
            self._transports[key] = httpx2.HTTPTransport(
                verify=context, trust_env=False, proxy=proxy
            )
        return self._transports[key].handle_request(request)

    def close(self) -> None:
        for transport in self._transports.values():
            transport.close()


def proxy_for(address: str) -> tuple[str, str] | None:
    """Return the variable that names the proxy for an address, and the proxy; None for none.

    This machine is never asked for through a proxy, which could not reach it.
    """
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port
    proxies = getproxies_environment()
    kind = next((kind for kind in (parts.scheme, "all") if proxies.get(kind)), None)
    if kind is None or _is_here(host) or _is_excepted(host, port, proxies.get("no", "")):
        return None
    names = (f"{kind}_proxy", f"{kind}_PROXY".upper())
    return next((name for name in names if os.environ.get(name)), names[1]), proxies[kind]


def _require_proxy(name: str, value: str) -> httpx2.Proxy:
    address = value.strip()
    if "://" not in address:
        address = f"http://{address}"
    scheme, _, rest = address.partition("://")
    kind = _PROXY_SCHEMES.get(scheme.lower())
    try:
        if kind is None:
            raise ValueError
        parts = urlsplit(f"{kind}://{rest}")
        if not parts.hostname or parts.port == 0:
            raise ValueError
        return httpx2.Proxy(f"{kind}://{rest}")
    except (ValueError, httpx2.InvalidURL):
        raise UserError(
            f"{name} names no proxy that can be used; give http://HOST:PORT or socks5://HOST:PORT, "
            "or name the host that needs none in NO_PROXY."
        ) from None


def _is_here(host: str) -> bool:
    address = _ip(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _is_excepted(host: str, port: int | None, exceptions: str) -> bool:
    """Say whether NO_PROXY names a host, as curl reads it: names, their ends, networks, `*`."""
    address = _ip(host)
    for entry in exceptions.lower().replace(",", " ").split():
        if entry == "*":
            return True
        name, _, number = entry.rpartition(":")
        if name and number.isdigit() and (name.endswith("]") or ":" not in name):
            if port is not None and int(number) != port:
                continue
            entry = name
        entry = entry.strip("[]")
        if address is not None:
            try:
                if address in ipaddress.ip_network(entry, strict=False):
                    return True
            except (ValueError, TypeError):
                continue
        else:
            end = entry.removeprefix("*").removeprefix(".")
            if end and (host == end or host.endswith(f".{end}")):
                return True
    return False


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _trusted() -> ssl.SSLContext:
    """Return whom to trust: what the environment names, else what the system does.

    Raises:
        UserError: what it names cannot be read.
    """
    for name in CERTIFICATE_VARIABLES:
        if os.environ.get(name):
            return _trusting(name, os.environ[name])
    folder = os.environ.get(CERTIFICATE_FOLDER_VARIABLE)
    return _trusting(CERTIFICATE_FOLDER_VARIABLE, folder) if folder else _trusting_the_system()


@cache
def _trusting(name: str, place: str) -> ssl.SSLContext:
    try:
        if name == CERTIFICATE_FOLDER_VARIABLE or Path(place).is_dir():
            os.scandir(place).close()  # of a folder that is not there OpenSSL says nothing
            return ssl.create_default_context(capath=place)
        return ssl.create_default_context(cafile=place)
    except ssl.SSLError:
        reason = "it holds no certificates in PEM"
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except ValueError:
        reason = "it is no name of a file"
    raise UserError(f"{name} names {place!r}, which cannot be used: {reason}; correct or unset it.")


@cache
def _trusting_the_system() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)


@cache
def _trusting_nobody() -> ssl.SSLContext:
    """For plain HTTP; it costs nothing to make, and an HTTPS address would be refused with it."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
