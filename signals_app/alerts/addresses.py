"""Where a request came from, and whether that place may send.

Pure: no I/O, no clock, no randomness.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# From TradingView's help page "About webhooks"; it does not send over IPv6.
TRADINGVIEW_ADDRESSES = ("52.89.214.238", "34.212.75.30", "54.218.53.128", "52.32.178.7")

Address = IPv4Address | IPv6Address

_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+")


def client_address(remote: str, forwarded_for: str, trusted_proxies: int) -> Address | None:
    """Return the sender's address; None when nothing usable is known, as behind a Unix socket.

    ``remote`` is the connection's other end. Each trusted proxy has appended one entry to
    X-Forwarded-For, so that many are counted from its right end; anything further left is what the
    sender claims, and believed by nobody.
    """
    chain = [*(entry for entry in forwarded_for.split(",") if entry.strip()), remote]
    return _parse(chain[max(0, len(chain) - 1 - trusted_proxies)])


def is_allowed(address: Address | None, allowed: Iterable[object]) -> bool:
    """Tell whether the address is, or lies in, one of these addresses and networks."""
    return address is not None and any(_contains(entry, address) for entry in allowed)


def invalid_addresses(entries: Iterable[object]) -> list[str]:
    """Return the entries that are neither an IP address nor a network such as 203.0.113.0/24."""
    return [str(entry) for entry in entries if not _is_network(entry)]


def _parse(text: str) -> Address | None:
    text = text.strip()
    match = _WITH_PORT.fullmatch(text)
    if match:
        text = match[1] or match[2]
    try:
        # A zone such as %eth0 names an interface of this host, not the sender.
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def _contains(entry: object, address: Address) -> bool:
    # An entry that is no network lets nobody in; the admin refuses to save one.
    return _is_network(entry) and address in ip_network(str(entry), strict=False)


def _is_network(entry: object) -> bool:
    if not isinstance(entry, str):
        return False
    try:
        ip_network(entry, strict=False)
    except ValueError:
        return False
    return True
