"""Addresses in settings, checked where they are read: what cannot work is refused.

Each function raises a ValueError that names the setting and says what to write.
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?|[0-9A-Fa-f:.]+")
_PORTS = {"http": 80, "https": 443}


def require_address(setting: str, address: str, *, may_have_path: bool) -> None:
    """Refuse what is no address of a server, such as https://example.org.

    Raises:
        ValueError: it is none, or has parts that an address that others begin with cannot have.
    """
    parts = _split(setting, address)
    if parts.query or parts.fragment or address.endswith(("?", "#")):
        raise ValueError(f"{setting} must end before any ? or #, for addresses begin with it")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"{setting} must not hold a user or a password")
    if not may_have_path and parts.path not in ("", "/"):
        raise ValueError(
            f"{setting} must be a site of its own, {parts.scheme}://{parts.netloc}, without the "
            f"path {parts.path!r}: pages link to the root of the site"
        )


def require_origin(origin: str) -> None:
    """Refuse what no browser sends as the origin of a page; `*` stands for all.

    Raises:
        ValueError: it would match nobody; the message has the form that matches.
    """
    if origin == "*":
        return
    parts = _split("NINEFOLD_CORS_ORIGINS", origin)
    host, port = (parts.hostname or "").lower(), parts.port
    host = f"[{host}]" if ":" in host else host
    shown = "" if port is None or port == _PORTS[parts.scheme] else f":{port}"
    canonical = f"{parts.scheme}://{host}{shown}"
    if origin != canonical:
        raise ValueError(
            f"NINEFOLD_CORS_ORIGINS names {origin!r}, which no browser sends; write {canonical}"
        )


def require_network(setting: str, network: str) -> None:
    """Refuse what is neither an address nor a network of addresses.

    Raises:
        ValueError: it is neither.
    """
    try:
        found = ipaddress.ip_network(network, strict=False)
    except ValueError:
        raise ValueError(
            f"{setting} names {network!r}, which is no address or network; write one such as "
            "10.0.0.1 or 10.0.0.0/8"
        ) from None
    if "/" in network and ipaddress.ip_interface(network).ip != found.network_address:
        raise ValueError(f"{setting} names {network!r}, an address in a network; write {found}")


def _split(setting: str, address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        is_whole = bool(parts.hostname and _NAME.fullmatch(parts.hostname)) and parts.port != 0
    except ValueError:
        is_whole = False
    if not address.lower().startswith(("http://", "https://")):
        raise ValueError(f"{setting} must begin with http:// or https://, unlike {address!r}")
    if not is_whole or re.search(r"[\s\\]", address) or not address.isascii():
        raise ValueError(
            f"{setting} is no address: {address!r}; write one such as https://example.org"
        )
    return urlsplit(address)
