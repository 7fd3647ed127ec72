"""What cannot be true: of a shadow it is refused, of real money it is kept and named. Small cases, over the API."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kernel.values import format_timestamp
from outcomes.models import (
    ExitDirective,
    OwnExit,
    RealOutcome,
    ShadowOutcome,
    ShadowTrade,
    Violation,
)
from tests.factories import api_client
from tests.outcomes.desk import (
    C70,
    C72_5_JULY,
    ENTRY_TIME,
    Answer,
    Desk,
    leg,
    make_desk,
    plan,
    quote,
)

pytestmark = pytest.mark.django_db

SHADOWED = [leg(C72_5_JULY, entry_price="0.98")]


def ago(**since: float) -> str:
    """A time before now, as an engine writes it."""
    return format_timestamp(datetime.now(UTC) - timedelta(**since))


def live_desk(executed: str | None = "A", **changes: Any) -> Desk:
    """Both engines have answered a signal of a live source."""
    return make_desk(executed, replayed=False, timeframe="5m", timestamp=datetime.now(UTC), **changes)


def at(moment: str, *legs: dict[str, Any]) -> dict[str, Any]:
    """A shadow's opening at this time, with quotes that stood then."""
    quotes = {each["instrument"]: quote(each["entry_price"], each["entry_price"], moment) for each in legs or SHADOWED}
    return {"legs": list(legs or SHADOWED), "entry_time": moment, "entry_quotes": quotes}


def open_shadow(desk: Desk, **report: Any) -> Answer:
    return desk.b.open(desk.experiment, "SHADOW", **report)


def violations(engine: str) -> set[str]:
    return set(Violation.objects.filter(engine=engine).values_list("name", flat=True))


def test_a_shadow_in_another_contract_than_planned_is_refused_when_the_real_trade_is_over() -> None:
    desk = live_desk()
    real = desk.open_real(entry_time=ago())
    desk.a.close(real, exit_time=ago())

    answer = open_shadow(desk, **at(ago(), leg(C70, entry_price="0.01")))

    assert (answer.status, answer.code) == (409, "plan_differs")
    assert not ShadowTrade.objects.exists()


def test_a_shadow_that_comes_after_the_real_exit_has_no_synchronised_outcome() -> None:
    desk = live_desk()
    real = desk.open_real(entry_time=ago())
    desk.a.close(real, exit_time=ago(), market_conditions={"quotes": {C72_5_JULY: quote(quote_time=ago())}})

    answer = open_shadow(desk, **at(ago()))
    moment = ago()
    kept = desk.b.close(
        answer.body["trade_id"],
        exit_time=moment,
        exit_price="1.31",
        market_conditions={"quotes": {C72_5_JULY: quote(quote_time=moment)}},
    )

    assert answer.status == 201
    assert "AFTER_REAL_EXIT" in answer.body["flags"]
    assert kept.status == 200, kept.body
    assert not ShadowOutcome.objects.exists()
    assert OwnExit.objects.get().pnl == 33


@pytest.mark.parametrize("before", [{"seconds": 60}, {"days": 100}], ids=["a minute", "100 days"])
def test_nothing_is_entered_before_the_recommendation(before: dict[str, float]) -> None:
    desk = live_desk()
    desk.a.confirm(desk.experiment)

    real = desk.a.open(desk.experiment, "REAL", entry_time=ago(**before))
    shadow = open_shadow(desk, **at(ago(**before)))

    assert (shadow.status, shadow.code) == (400, "entry_before_recommendation")
    assert real.status == 201
    assert violations("A") == {"ENTRY_BEFORE_RECOMMENDATION", "LATE_REPORT"}


def test_an_entry_is_told_before_it_can_be_chosen_by_what_came_after() -> None:
    desk = live_desk(policy={"report_delay_seconds": 1})
    desk.a.confirm(desk.experiment)
    moment = ago()
    time.sleep(1.2)

    real = desk.a.open(desk.experiment, "REAL", entry_time=moment)
    shadow = open_shadow(desk, **at(moment))

    assert (shadow.status, shadow.code) == (400, "reported_too_late")
    assert real.status == 201
    assert violations("A") == {"LATE_REPORT"}


def test_a_shadow_of_nobody_cannot_choose_its_entry_or_exit_from_the_past() -> None:
    desk = live_desk(None)

    long_ago = open_shadow(desk, **at(ago(days=30), leg(C72_5_JULY, entry_price="0.10")))
    opened = open_shadow(desk, **at(ago()))
    yesterday = desk.b.close(
        opened.body["trade_id"],
        exit_time=ago(days=1),
        exit_price="9.00",
        market_conditions={"quotes": {C72_5_JULY: quote("9.00", "9.10", ago(days=1))}},
    )

    assert long_ago.code == "entry_before_recommendation"
    assert (yesterday.status, yesterday.code) == (400, "exit_before_entry")
    assert not ShadowOutcome.objects.exists()


def test_a_real_exit_above_every_ask_is_kept_and_named() -> None:
    desk = make_desk()
    real = desk.open_real()

    answer = desk.a.close(
        real,
        exit_price="99.00",
        price_provenance="SAME_SNAPSHOT_QUOTE",
        market_conditions={"quotes": {C70: quote("12.80", "12.90")}},
    )

    assert answer.status == 200
    assert RealOutcome.objects.get().pnl == 9761
    assert violations("A") == {"PRICE_NOT_IN_QUOTES"}


def test_a_quote_400_days_old_prices_nothing_and_is_called_stale() -> None:
    desk = make_desk()
    real = desk.open_real()
    desk.open_shadow()

    answer = desk.a.close(real, market_conditions={"quotes": {C72_5_JULY: quote(quote_time="2013-05-01T18:00:00Z")}})

    assert answer.body["quote_flags"] == {C72_5_JULY: "STALE"}
    assert ExitDirective.objects.get().state == "PENDING"


@pytest.mark.parametrize("side", ["LONG", "SHORT"])
def test_an_ask_of_nothing_is_no_ask(side: str) -> None:
    legs = [leg(C72_5_JULY, side, "0")]
    desk = make_desk(plan_b=plan(*legs))

    answer = open_shadow(desk, legs=legs, entry_quotes={C72_5_JULY: quote("0", "0", ENTRY_TIME)})

    assert (answer.status, answer.code) == (400, "one_sided_quote")


def test_what_only_a_broker_or_the_referee_can_say_is_refused() -> None:
    desk = make_desk()
    real = desk.open_real()

    shadow = open_shadow(desk, legs=SHADOWED, price_provenance="BROKER_FILL")
    exit_ = desk.a.close(real, exit_reason="SYNCHRONISED")

    assert (shadow.status, shadow.code) == (400, "provenance_not_allowed")
    assert (exit_.status, exit_.code) == (400, "unknown_exit_reason")


def test_money_of_several_currencies_is_never_added() -> None:
    for currency, price in (("USD", "2.39"), ("INR", "16.39"), ("BTC", "1.3901")):
        lost = currency == "INR"
        desk = make_desk(plan_a=plan(currency=currency))
        real = desk.open_real(legs=[leg(entry_price=price if lost else "1.39")])
        desk.a.close(real, exit_price="1.39" if lost else price)
    analyst = api_client("analyst")

    def total(**filters: str) -> tuple[str, str]:
        report = analyst.get("/api/v1/performance", filters).json()
        return report["filters"]["currency"], report["engines"]["A"]["real"]["total_pnl"]

    assert total() == ("USD", "100.00")
    assert total(currency="INR") == ("INR", "-1500.00")
    assert total(currency="BTC") == ("BTC", "0.01")
    assert Violation.objects.filter(name="CURRENCY_DIFFERS").count() == 2
