"""Where a request came from, and whether its source lets it be read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest

from signals_app.alerts.admission import (
    Arrival,
    KnownSource,
    client_address,
    holds_token,
    invalid_addresses,
    is_allowed,
    judge,
    unauthorized,
)
from signals_app.alerts.alert import NewSignal, RecordedOnly

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


BODY = b'{"symbol":"SPY","direction":"long","timeframe":"5","timestamp":"2026-03-16T14:30:00Z"%s}'
RECEIVED_AT = datetime(2026, 3, 16, 14, 30, 2, tzinfo=UTC)
SECRET = "wh-7f3c91-demo"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def make_source(**changes: Any) -> KnownSource:
    source = KnownSource(
        pk=1, slug="desk", token_hash=digest("now"), previous_token_hash=digest("before"), is_active=True,
        body_secret_hash="", client_certificate_subject="", max_age_seconds=300, rate_limit_per_minute=None,
        bare_sell="entry_short", replay=False, version="1", allowed_addresses=[],
    )  # fmt: skip
    return replace(source, **changes)


def arrive(body: bytes = BODY % b"", **changes: Any) -> Arrival:
    arrival = Arrival(
        received_at=RECEIVED_AT, started=0.0, address=ip_address(CLIENT), certificate_subject="",
        content_type="application/json", body=body, size=len(body),
    )  # fmt: skip
    return replace(arrival, **changes)


def refused(source: KnownSource, arrival: Arrival) -> str:
    judgement = judge(source, arrival)
    assert (judgement.payload, judgement.understood) == ({}, None)
    assert judgement.error is not None
    return judgement.error.code


@pytest.mark.parametrize(
    ("changes", "token", "is_held"),
    [
        ({}, "now", True),
        ({}, "before", True),
        ({}, "other", False),
        ({"previous_token_hash": None}, "before", False),
        ({"is_active": False}, "now", False),
        ({"is_active": False}, "before", False),
    ],
)
def test_an_active_source_knows_its_two_tokens(changes: dict[str, Any], token: str, is_held: bool) -> None:
    assert holds_token(make_source(**changes), digest(token)) is is_held


def test_an_alert_is_understood_and_kept_as_it_came() -> None:
    judgement = judge(make_source(), arrive())

    assert isinstance(judgement.understood, NewSignal)
    assert judgement.payload == json.loads(BODY % b"")
    assert (judgement.kept_body, judgement.error) == (BODY % b"", None)


def test_what_is_unauthorized_never_says_which_part_was_wrong() -> None:
    error = unauthorized()

    assert (error.code, error.detail, error.pointer) == (
        "unauthorized",
        "The webhook URL or the secret is not valid.",
        "",
    )


def test_an_alert_is_stale_by_the_limit_of_its_source() -> None:
    late = arrive(received_at=RECEIVED_AT + timedelta(seconds=60))

    assert isinstance(judge(make_source(max_age_seconds=59), late).understood, RecordedOnly)
    assert isinstance(judge(make_source(max_age_seconds=62), late).understood, NewSignal)


@pytest.mark.parametrize("place", [{"size": 65_537}, {"body": b" " * 65_537}])
def test_a_body_is_too_large_by_what_was_announced_and_by_what_came(place: dict[str, Any]) -> None:
    assert refused(make_source(), arrive(**place)) == "too_large"


def test_of_a_body_that_is_too_large_64_kib_are_kept() -> None:
    judgement = judge(make_source(), arrive(body=b"x" * 65_537))

    assert judgement.kept_body == b"x" * 65_536


def test_the_secret_in_the_body_is_asked_for_and_masked() -> None:
    source = make_source(body_secret_hash=digest(SECRET))
    body = BODY % b',"secret":"wh-7f3c91-demo","note":"with wh-7f3c91-demo"'

    judgement = judge(source, arrive(body))

    assert judgement.error is None
    assert judgement.payload["note"] == "with ***"
    assert judgement.kept_body == BODY % b',"secret":"***","note":"with ***"'
    assert refused(source, arrive(BODY % b',"secret":"another"')) == "unauthorized"
    assert refused(source, arrive()) == "unauthorized"


def test_the_secret_may_be_in_a_field_called_key() -> None:
    body = BODY % b',"key":"wh-7f3c91-demo"'

    assert judge(make_source(body_secret_hash=digest(SECRET)), arrive(body)).kept_body == BODY % b',"key":"***"'
    assert judge(make_source(), arrive(body)).payload["key"] == SECRET


def test_a_body_that_cannot_be_read_is_kept_without_what_looks_like_a_secret() -> None:
    assert judge(make_source(), arrive(b'{"secret": "abc",}')).kept_body == b'{"secret": "***",}'


def test_a_source_that_expects_no_secret_takes_none_for_one() -> None:
    assert judge(make_source(), arrive(BODY % b',"key":"***"')).payload["key"] == "***"


def test_a_refused_body_is_kept_without_its_secret() -> None:
    source = make_source(body_secret_hash=digest(SECRET))
    body = b'{"key":"wh-7f3c91-demo","symbol":"wh-7f3c91-demo"}'

    judgement = judge(source, arrive(body))

    assert judgement.error is not None
    assert judgement.kept_body == b'{"key":"***","symbol":"***"}'


def test_a_source_with_a_list_of_addresses_reads_nothing_from_others() -> None:
    source = make_source(allowed_addresses=[CLIENT])

    assert judge(source, arrive()).error is None
    assert refused(source, arrive(b"", address=ip_address(PROXY))) == "unauthorized"
    assert refused(source, arrive(b"", address=None)) == "unauthorized"
    assert judge(make_source(), arrive(address=None)).error is None


def test_a_client_certificate_must_name_the_expected_subject() -> None:
    source = make_source(client_certificate_subject="CN=ä")

    assert judge(source, arrive(certificate_subject="CN=ä")).error is None
    assert refused(source, arrive(certificate_subject="CN=b")) == "unauthorized"
    assert refused(source, arrive(certificate_subject="")) == "unauthorized"
    assert refused(source, arrive(certificate_subject="CN=\udce4")) == "unauthorized"
