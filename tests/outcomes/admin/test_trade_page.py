"""The page of one trade: its fills, the quotes behind them and their age, R, and what was found out about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from outcomes.admin.trade_page import TradePage, trade_page
from outcomes.core.quoting import QuoteFlag
from outcomes.core.trades import PairRule, TradeFlag
from outcomes.fill_rows import age_at, in_r
from outcomes.models import Quote, RealTrade, ShadowTrade
from outcomes.services import settle_due
from tests.factories import api_client
from tests.orchestrator_site.console.rows import logged_in, traded_pair
from tests.outcomes.desk import C70, C72_5_JULY, ENTRY_TIME, EXIT_TIME, Desk, leg, make_desk, plan, quote

pytestmark = pytest.mark.django_db
ENTRY = datetime.fromisoformat(ENTRY_TIME)


@pytest.fixture
def viewer() -> Client:
    return logged_in("viewer")


def real_page() -> TradePage:
    return trade_page(RealTrade.objects.get())


def shadow_page() -> TradePage:
    return trade_page(ShadowTrade.objects.get())


def html_of(client: Client, trade: RealTrade | ShadowTrade) -> str:
    view = f"admin:outcomes_{trade.kind.value.lower()}trade_change"
    return client.get(reverse(view, args=(trade.pk,))).content.decode()


def desk_of_three() -> Desk:
    """Both engines plan three contracts; a shadow of three is open beside the real trade."""
    desk = make_desk(plan_a=plan(quantity="3"), plan_b=plan(leg(C72_5_JULY), quantity="3"))
    desk.open_real(quantity="3")
    desk.open_shadow(quantity="3")
    return desk


def test_each_fill_tells_what_was_done_at_which_price_and_why() -> None:
    desk = make_desk()
    desk.a.close(desk.open_real(fees="0.65"), fees="0.65")

    entry, closing = real_page().fills

    assert [str(row.fill) for row in (*entry.legs, *closing.legs)] == [
        "Buy to open 1 TWX 21 Jun 2014 70 call at 1.39", "Sell to close 1 TWX 21 Jun 2014 70 call at 1.99",
    ]  # fmt: skip
    assert (entry.stored.fees, closing.stored.reason) == (Decimal("0.65"), "TAKE_PROFIT")


def test_a_shadows_price_stands_beside_the_quote_it_came_from_and_its_age() -> None:
    desk = make_desk()
    real = desk.open_real()
    desk.open_shadow(entry_quotes={C72_5_JULY: quote("0.97", "0.98", "2014-06-05T13:59:50Z")})
    desk.a.close(real, market_conditions={"quotes": {C72_5_JULY: quote(quote_time="2014-06-05T17:59:59.750Z")}})

    entry, closing = (row.legs[0].source for row in shadow_page().fills)

    assert entry is not None
    assert (entry.name, entry.text, entry.age) == ("OWN_FEED_QUOTE", "0.97 / 0.98", "10.0 s old")
    assert closing is not None
    assert (closing.name, closing.text, closing.age) == ("SAME_SNAPSHOT_QUOTE", "1.31 / 1.37", "250 ms old")


def test_a_neutral_quote_is_a_click_away(viewer: Client) -> None:
    api_client("feeder")
    desk = make_desk()
    desk.open_real()
    Quote.objects.create(
        instrument=C72_5_JULY, bid="0.96", ask="0.99", quote_time=ENTRY + timedelta(seconds=2), source="feeder",
        received_at=ENTRY,
    )  # fmt: skip
    desk.open_shadow()
    settle_due()

    source = shadow_page().fills[0].legs[0].source

    assert source is not None
    assert (source.name, source.age) == ("NEUTRAL_QUOTE", "2.0 s later")
    stored = Quote.objects.get()
    assert source.link == ("outcomes_quote", stored.pk)
    assert reverse("admin:outcomes_quote_change", args=(stored.pk,)) in html_of(viewer, ShadowTrade.objects.get())


def test_a_real_price_stands_beside_what_its_engine_said_was_quoted() -> None:
    desk = make_desk()
    named = {C70: quote("1.98", "2.02", EXIT_TIME)}
    desk.a.close(desk.open_real(), market_conditions={"quotes": named})

    closing = real_page().fills[1].legs[0].source

    assert closing is not None
    assert (closing.name, closing.text, closing.age) == ("named by the engine", "1.98 / 2.02", "0 s")


def test_a_quote_that_prices_nothing_says_why() -> None:
    desk = make_desk()
    named = {C70: quote("2.02", "1.98", EXIT_TIME)}
    desk.a.close(desk.open_real(), market_conditions={"quotes": named})

    closing = real_page().fills[1].legs[0].source

    assert closing is not None
    assert closing.text == QuoteFlag.CROSSED.words


def test_a_settlement_is_told_instead_of_a_quote() -> None:
    desk = make_desk(timeframe="1M")
    ended = {"kind": "EXPIRED", "price": "0", "settled_at": "2014-06-21T20:00:00Z", "underlying": "69.10"}
    desk.a.close(
        desk.open_real(), exit_time="2014-06-21T20:00:00Z", exit_price="0", exit_reason="EXPIRED",
        market_conditions={"settlements": {C70: ended}},
    )  # fmt: skip

    source = real_page().fills[1].legs[0].source

    assert source is not None
    assert (source.name, source.text) == (
        "EXPIRED", "0.00, underlying at 69.10, settled 2014-06-21T20:00:00Z",
    )  # fmt: skip


def test_the_result_is_told_in_money_and_in_r(viewer: Client) -> None:
    traded_pair()

    page = html_of(viewer, RealTrade.objects.get())

    # 60 earned on a premium of 139.
    assert real_page().r == "+0.432 R"
    assert "▲ +60.00" in page
    assert "+0.432 R" in page
    assert "139.00</span> USD, declared" in page


@pytest.mark.parametrize(("pnl", "risk", "text"), [
    ("50", "200", "+0.250 R"), ("-200", "200", "-1.000 R"), ("50", "0", None), (None, "200", None), ("5", None, None),
])  # fmt: skip
def test_r_is_nothing_without_a_result_or_a_risk(pnl: str | None, risk: str | None, text: str | None) -> None:
    assert in_r(pnl and Decimal(pnl), risk and Decimal(risk)) == text  # type: ignore[arg-type]


def test_flags_and_violations_are_told_in_words(viewer: Client) -> None:
    desk = make_desk()
    desk.open_real(quantity="2", risk_amount="1")

    page = real_page()

    assert [(found.code, found.words) for found in page.flags] == [("RISK_DIFFERS", TradeFlag.RISK_DIFFERS.words)]
    assert [(found.engine, found.code, found.words) for found in page.violations] == [
        ("A", "PLAN_DIFFERS", PairRule.PLAN_DIFFERS.words)
    ]
    shown = html_of(viewer, RealTrade.objects.get())
    assert "Traded something else, or more, than planned." in shown
    assert "The capital at risk that the engine declared is not what its opening fills give." in shown


def test_a_trade_without_fault_says_so(viewer: Client) -> None:
    make_desk(plan_b=plan(leg(C72_5_JULY), risk_amount="98")).open_shadow()

    assert "None: the trade broke no rule." in html_of(viewer, ShadowTrade.objects.get())


def test_every_flag_and_rule_has_words() -> None:
    assert [member for table in (TradeFlag, PairRule, QuoteFlag) for member in table if not member.words] == []


def test_partial_exits_and_their_directives_stand_in_order(viewer: Client) -> None:
    desk = desk_of_three()
    real = RealTrade.objects.get()
    body = {
        "fill_ref": "first", "time": "2014-06-05T16:00:00Z", "price_provenance": "BROKER_FILL", "reason": "TAKE_PROFIT",
        "legs": [{"instrument": C70, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": "1.50"}],
        "market_conditions": {"quotes": {C72_5_JULY: quote("1.10", "1.12", "2014-06-05T16:00:00Z")}},
    }  # fmt: skip
    assert desk.a.post(f"trades/{real.pk}/fills", body).status == 201
    desk.a.close(real.pk, market_conditions={"quotes": {C72_5_JULY: quote(quote_time="2014-06-05T19:00:00Z")}})

    page = shadow_page()

    assert [(row.share, row.stored.state) for row in page.directives] == [
        ("1 of 3", "DONE"), ("all that is left", "PENDING"),
    ]  # fmt: skip
    assert page.directives[0].legs == ["1 LONG TWX 19 Jul 2014 72.5 call"]
    assert page.directives[1].quotes == [f"TWX 19 Jul 2014 72.5 call: {QuoteFlag.LOOKAHEAD.words}"]
    assert [row.stored.fill_ref for row in page.fills] == ["entry", "directive-1"]
    assert "dated after the moment that it was to price" in html_of(viewer, ShadowTrade.objects.get())
    assert len(trade_page(RealTrade.objects.get()).directives) == 2


def test_an_own_exit_stands_beside_the_one_that_counts(viewer: Client) -> None:
    traded_pair()

    page = shadow_page()

    assert page.own_exit is not None
    # 0.98 to 1.31 with the real trade, to 1.40 by its own rules.
    assert (page.r, page.own_r) == ("+0.337 R", "+0.429 R")
    assert [str(row.fill) for row in page.own_legs] == ["Sell to close 1 TWX 19 Jul 2014 72.5 call at 1.40"]
    shown = html_of(viewer, ShadowTrade.objects.get())
    assert "Counts (SYNCHRONISED)" in shown
    assert "Own exit (TRAILING_STOP)" in shown


def test_a_shadow_that_waits_for_its_quote_has_a_page(viewer: Client) -> None:
    api_client("feeder")
    desk = make_desk()
    desk.open_shadow()

    page = html_of(viewer, ShadowTrade.objects.get())

    assert "Its entry waits for a neutral quote until" in page
    assert "No fills yet" in page


def test_a_trade_that_nobody_priced_says_so(viewer: Client) -> None:
    desk = make_desk(policy={"exit_directive_ttl_seconds": 1})
    real = desk.open_real()
    desk.open_shadow()
    desk.a.close(real)
    shadow = ShadowTrade.objects.get()
    ShadowTrade.objects.filter(pk=shadow.pk).update(
        status="UNPRICED", exit_time=ENTRY, exit_reason="SYNCHRONISED", exit_provenance="UNPRICED", closed_at=ENTRY
    )

    assert "UNPRICED: nobody priced its exit" in html_of(viewer, shadow)


@pytest.mark.parametrize("identity", [UUID(int=4), "x", "_00"])
def test_a_trade_that_is_not_there_is_not_found(viewer: Client, identity: object) -> None:
    assert viewer.get(reverse("admin:outcomes_realtrade_change", args=(identity,))).status_code == 404


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (0.25, "250 ms old"), (90, "90.0 s old"), (-2, "2.0 s later")]
)
def test_an_age_says_in_which_direction(seconds: float, text: str) -> None:
    moment = datetime(2026, 3, 16, 15, tzinfo=UTC)

    assert age_at(moment - timedelta(seconds=seconds), moment) == text
