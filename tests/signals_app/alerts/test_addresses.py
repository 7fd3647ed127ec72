"""Where a request came from."""

from __future__ import annotations

import pytest

from signals_app.alerts.admission import client_address, invalid_addresses, is_allowed

CLIENT, PROXY, OUTER = "198.51.100.7", "10.0.0.2", "10.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "proxies", "expected"),
    [
        ("", 0, PROXY),
        (CLIENT, 0, PROXY),
        (CLIENT, 1, CLIENT),
        (f"203.0.113.9, {CLIENT}", 1, CLIENT),
        (f"203.0.113.9, {CLIENT}, {OUTER}", 2, CLIENT),
        (CLIENT, 2, CLIENT),
        ("", 1, PROXY),
        (" , ,", 1, PROXY),
        (f"{CLIENT}:51234", 1, CLIENT),
        ("[2001:db8::1]:443", 1, "2001:db8::1"),
        ("2001:db8::1", 1, "2001:db8::1"),
        ("fe80::1%eth0", 1, "fe80::1"),
        (f"::ffff:{CLIENT}", 1, CLIENT),
        ("unknown", 1, None),
        ("999.1.1.1", 1, None),
    ],
)
def test_as_many_entries_as_there_are_trusted_proxies_are_believed(
    forwarded: str, proxies: int, expected: str | None
) -> None:
    address = client_address(PROXY, forwarded, proxies)

    assert (str(address) if address else None) == expected


def test_behind_a_unix_socket_nothing_is_known() -> None:
    assert client_address("", "", 0) is None


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        ([CLIENT], True),
        (["198.51.100.0/24"], True),
        (["198.51.100.9/24"], True),
        (["203.0.113.1", CLIENT], True),
        (["203.0.113.1"], False),
        (["2001:db8::/32"], False),
        (["nonsense", 7, None, ""], False),
        ([], False),
    ],
)
def test_an_address_is_allowed_when_an_entry_holds_it(allowed: list[object], expected: bool) -> None:
    assert is_allowed(client_address(CLIENT, "", 0), allowed) is expected


def test_an_unknown_address_is_never_allowed() -> None:
    assert not is_allowed(None, ["0.0.0.0/0", "::/0"])


def test_entries_that_are_no_addresses_are_named() -> None:
    assert invalid_addresses(["1.2.3.4", "10.0.0.0/8", "::1", "1.2.3", "host", 5]) == ["1.2.3", "host", "5"]
