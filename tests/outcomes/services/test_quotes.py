"""Neutral quotes, stored and found again; and whether any can be expected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from kernel import rows
from kernel.actors import Actor
from kernel.errors import DomainError
from outcomes.core import quoting
from outcomes.models import Quote
from outcomes.services import pricing
from outcomes.services.pricing import PushedQuote, StoredQuotes, feeder_is_active, quotes_between, store_quotes
from policies.models import ApiKey
from policies.services import create_api_key
from tests.outcomes.desk import make_desk

pytestmark = pytest.mark.django_db

NOON = datetime(2014, 6, 5, 12, tzinfo=UTC)
C70 = "TWX   140621C00070000"


def pushed(seconds: int = 0, instrument: str = C70, bid: str = "1.37") -> PushedQuote:
    return PushedQuote(instrument, Decimal(bid), Decimal("1.39"), NOON + timedelta(seconds=seconds))


def make_key(owner: str, **changes: object) -> None:
    key, _ = create_api_key(Actor("tests"), owner=owner, name=owner)
    ApiKey.objects.filter(pk=key.pk).update(**changes)


def test_quotes_are_found_by_instrument_and_time_oldest_first() -> None:
    store_quotes("feed", [pushed(61), pushed(60), pushed(0), pushed(-1), pushed(30, "TWX")])

    found = quotes_between([C70, "TWX"], NOON, NOON + timedelta(seconds=60))

    assert [quote.quote_time - NOON for quote in found[C70]] == [timedelta(0), timedelta(seconds=60)]
    row = Quote.objects.get(instrument="TWX")
    assert found["TWX"] == [quoting.Quote(row.bid, row.ask, row.quote_time, row.pk, row.received_at)]


def test_any_spelling_finds_the_contract_and_what_nobody_quoted_has_no_quotes() -> None:
    store_quotes("feed", [pushed()])

    found = quotes_between(["O:TWX140621C00070000", "TWX140621P00070000"], NOON, NOON)

    assert {name: len(quotes) for name, quotes in found.items()} == {C70: 1, "TWX   140621P00070000": 0}


def test_all_instruments_are_read_in_one_query(monkeypatch: pytest.MonkeyPatch) -> None:
    store_quotes("feed", [pushed(instrument=name) for name in "ABC"])
    statements: list[Any] = []
    look = rows.look

    def counted(*call: Any) -> Any:
        statements.append(call)
        return look(*call)

    monkeypatch.setattr(pricing, "look", counted)

    found = quotes_between("ABC", NOON, NOON)

    assert (len(statements), [len(found[name]) for name in "ABC"]) == (1, [1, 1, 1])


@pytest.mark.parametrize("quoted", [False, True])
def test_quotes_are_looked_for_where_any_are_stored(monkeypatch: pytest.MonkeyPatch, quoted: bool) -> None:
    if quoted:
        store_quotes("feed", [pushed(instrument="SPY")])
    looks: list[str] = []
    look = rows.look

    def noted(statement: str, *parameters: Any) -> Any:
        looks.append(statement)
        return look(statement, *parameters)

    monkeypatch.setattr(pricing, "look", noted)
    desk = make_desk()
    desk.open_shadow()

    answer = desk.a.close(desk.open_real())

    assert (answer.status, answer.body["status"]) == (200, "CLOSED")
    # The shadow's entry and its exit, and the check of the real trade's prices.
    assert looks == ([pricing.BETWEEN, pricing.BETWEEN, pricing.AROUND] if quoted else [])


def test_two_feeders_quotes_of_one_instant_come_in_the_order_they_were_stored_in() -> None:
    for source, bid in (("first", "1.30"), ("second", "1.20")):
        store_quotes(source, [pushed(bid=bid)])

    assert [quote.bid for quote in quotes_between([C70], NOON, NOON)[C70]] == [Decimal("1.30"), Decimal("1.20")]


def test_one_quote_ahead_of_the_clock_refuses_all() -> None:
    ahead = PushedQuote(C70, Decimal(1), Decimal(2), datetime.now(UTC) + timedelta(seconds=20))

    with pytest.raises(DomainError) as caught:
        store_quotes("feed", [pushed(), ahead])

    assert (caught.value.code, caught.value.pointer) == ("ahead_of_clock", "/quotes/1/quote_time")
    assert not Quote.objects.exists()


def test_storing_is_one_statement_and_logged_in_counts(
    django_assert_num_queries: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with django_assert_num_queries(1):
        stored = store_quotes("feed", [pushed(), pushed(1), pushed(1), pushed(1, bid="1.36"), pushed(2, bid="1.40")])

    (record,) = [record.msg for record in caplog.records]
    assert isinstance(record, dict)
    assert stored == StoredQuotes(stored=2, repeated=1, conflicting=1, crossed=1)
    counts = {"stored": 2, "repeated": 1, "conflicting": 1, "crossed": 1}
    assert {name: record[name] for name in ("event", "source", *counts)} == {
        "event": "quotes.stored", "source": "feed", **counts,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("owner", "changes", "active"),
    [
        ("feeder", {}, True),
        ("feeder", {"expiry_date": datetime(2100, 1, 1, tzinfo=UTC)}, True),
        ("feeder", {"expiry_date": NOON}, False),
        ("feeder", {"revoked": True}, False),
        ("analyst", {}, False),
        ("engine-a", {}, False),
    ],
)
def test_neutral_quotes_are_expected_while_a_feeder_has_a_live_key(
    owner: str, changes: dict[str, object], active: bool
) -> None:
    assert not feeder_is_active()

    make_key(owner, **changes)

    assert feeder_is_active() is active
