"""What a network address says of who is behind it. Knows nothing of requests."""

import ipaddress
from collections.abc import Sequence
from contextlib import suppress

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")  # IPv4 addresses as IPv6 writes them
_PRIVATE_V6 = ipaddress.IPv6Network("fc00::/7")


def are_everybody(proxies: Sequence[str]) -> bool:
    """Tell whether proxies are so many that strangers are among them.

    The largest network that one operator has is 10.0.0.0/8, or fc00::/7 of IPv6; networks side by
    side are taken together.
    """
    if "*" in proxies:
        return True
    networks = []
    for proxy in proxies:
        with suppress(ValueError):  # the name of a socket
            networks.append(ipaddress.ip_network(proxy, strict=False))
    v4 = [each for each in networks if isinstance(each, ipaddress.IPv4Network)]
    v6 = [each for each in networks if isinstance(each, ipaddress.IPv6Network)]
    for each in v6:
        if each.subnet_of(_MAPPED) and each.prefixlen >= _MAPPED.prefixlen:
            prefix = each.prefixlen - _MAPPED.prefixlen
            mapped = int(each.network_address) & 0xFFFFFFFF
            v4.append(ipaddress.IPv4Network((mapped, prefix)))
    is_wide = any(each.prefixlen < 8 for each in ipaddress.collapse_addresses(v4))
    return is_wide or any(
        each.prefixlen < 16 and not each.subnet_of(_PRIVATE_V6)
        for each in ipaddress.collapse_addresses(v6)
    )


def is_loopback(host: str) -> bool:
    """Tell whether an address is of this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
