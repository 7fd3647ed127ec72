"""Whether what engines report of their trades can be true: each refusal by its code, place and words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from kernel.errors import DomainError
from outcomes.core.books import LegFill
from outcomes.core.quoting import QuoteFlag
from outcomes.core.repeats import report_hash
from outcomes.core.reports import (
    FillReport,
    OpeningReport,
    ReportedLeg,
    closing_legs,
    net_price_differs,
    opening_legs,
    quote_error,
    refuse_claim,
    refuse_prices_better_than_quotes,
    reported_exit_prices,
)

CALL, HIGHER = "TWX   140621C00070000", "TWX   140621C00075000"
HELD = {(CALL, "LONG"): Decimal(2), (HIGHER, "SHORT"): Decimal(4)}


def number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def leg(instrument: str = CALL, side: str | None = "LONG", ratio: int = 1, **prices: str) -> ReportedLeg:
    return ReportedLeg(instrument, side, ratio, **{name: Decimal(text) for name, text in prices.items()})


def spread(long: str = "3.00", short: str = "1.00") -> tuple[ReportedLeg, ...]:
    return leg(entry_price=long), leg(HIGHER, "SHORT", 2, entry_price=short)


def opening(*legs: ReportedLeg, total: str | None = None, quantity: str = "1") -> OpeningReport:
    entry_time = datetime(2014, 6, 5, 14, tzinfo=UTC)
    return OpeningReport(
        UUID(int=1), "REAL", legs, Decimal(quantity), Decimal(100), number(total), entry_time, Decimal(0), "MODEL"
    )


def error_of(call: Callable[..., object], *arguments: Any, **named: Any) -> tuple[str, str, str]:
    with pytest.raises(DomainError) as caught:
        call(*arguments, **named)
    return caught.value.code, caught.value.pointer, caught.value.detail


@pytest.mark.parametrize(
    ("reported", "total"), [(leg(), "1.39"), (leg(entry_price="1.390"), None), (leg(entry_price="1.390"), "9")]
)
def test_a_single_leg_and_its_trade_need_one_price_between_them(reported: ReportedLeg, total: str | None) -> None:
    (found,) = opening_legs(opening(reported, total=total), None)

    assert found == LegFill(CALL, "OPEN", "LONG", Decimal(1), Decimal("1.39"))


def test_each_leg_is_opened_with_its_ratio() -> None:
    found = opening_legs(opening(*spread(), total="99", quantity="3"), None)

    assert found == (
        LegFill(CALL, "OPEN", "LONG", Decimal(3), Decimal("3.00")),
        LegFill(HIGHER, "OPEN", "SHORT", Decimal(6), Decimal("1.00")),
    )


@pytest.mark.parametrize("price", ["0", "-37.63"])
def test_real_money_is_booked_at_any_price(price: str) -> None:
    assert opening_legs(opening(leg(entry_price=price)), None)[0].price == Decimal(price)


@pytest.mark.parametrize(
    ("legs", "total", "error"),
    [
        ((leg(),), None, ("price_missing", "/legs", f"Leg {CALL} has no entry_price.")),
        # The price of the whole says nothing about one leg of two.
        (
            (leg(entry_price="1"), leg(HIGHER, "SHORT")),
            "1",
            ("price_missing", "/legs", f"Leg {HIGHER} has no entry_price."),
        ),
        (
            (leg(entry_price="1"), leg("TWX140621C00070000", "SHORT", entry_price="1")),
            None,
            ("duplicate_leg", "/legs", f"Leg {CALL} appears 2 times; use ratio instead."),
        ),
    ],
)
def test_an_opening_that_cannot_be_booked_is_refused(
    legs: tuple[ReportedLeg, ...], total: str | None, error: tuple[str, str, str]
) -> None:
    assert error_of(opening_legs, opening(*legs, total=total), None) == error


TOUCHES = {CALL: Decimal("3.00"), HIGHER: Decimal("1.00")}


@pytest.mark.parametrize("total", [None, "1.00"])
@pytest.mark.parametrize("legs", [spread(), (leg(), leg(HIGHER, "SHORT", 2))])
def test_a_shadow_opens_at_the_touch_whether_it_says_so_or_not(
    legs: tuple[ReportedLeg, ...], total: str | None
) -> None:
    found = opening_legs(opening(*legs, total=total, quantity="5"), TOUCHES)

    assert [(fill.quantity, fill.price) for fill in found] == [
        (Decimal(5), Decimal("3.00")),
        (Decimal(10), Decimal("1.00")),
    ]


BUYS = f"{CALL} buys at the ask; the ask is 3.00."
SELLS = f"{HIGHER} sells at the bid; the bid is 1.00."


@pytest.mark.parametrize(
    ("legs", "total", "error"),
    [
        (spread(long="2.99"), None, ("price_not_marketable", "/legs", BUYS)),
        (spread(long="3.01"), None, ("price_mismatch", "/legs", BUYS)),
        (spread(short="1.01"), None, ("price_not_marketable", "/legs", SELLS)),
        (spread(short="0.99"), None, ("price_mismatch", "/legs", SELLS)),
        (spread(short="0"), None, ("price_mismatch", "/legs", SELLS)),
        (spread(long="-1"), None, ("negative_price", "/legs", f"The price of leg {CALL} must be 0 or more.")),
        (spread(), "1.01", ("price_mismatch", "/entry_price", "Does not match the legs: expected 1.00.")),
        ((leg(),), "2.50", ("price_not_marketable", "/entry_price", BUYS)),
    ],
)
def test_a_shadow_that_opens_at_another_price_is_refused(
    legs: tuple[ReportedLeg, ...], total: str | None, error: tuple[str, str, str]
) -> None:
    assert error_of(opening_legs, opening(*legs, total=total), TOUCHES) == error


def test_a_negative_price_of_a_future_is_only_another_price() -> None:
    report = opening(leg("CLM0", entry_price="-37.63"))

    code, _, detail = error_of(opening_legs, report, {"CLM0": Decimal("0.10")})

    assert (code, detail) == ("price_not_marketable", "CLM0 buys at the ask; the ask is 0.10.")


def test_an_exit_closes_all_that_is_left_at_the_prices_of_its_legs() -> None:
    reported = (leg(HIGHER, "SHORT", exit_price="0.40"), leg(CALL, None, exit_price="1.99"))

    assert closing_legs(HELD, reported, Decimal(9), {CALL: Decimal(0)}) == (
        LegFill(CALL, "CLOSE", "LONG", Decimal(2), Decimal("1.99")),
        LegFill(HIGHER, "CLOSE", "SHORT", Decimal(4), Decimal("0.40")),
    )


def test_a_contract_that_has_ended_closes_at_its_settlement() -> None:
    (found,) = closing_legs({(CALL, "LONG"): Decimal(2)}, (), Decimal(9), {CALL: Decimal(0), HIGHER: Decimal(3)})

    assert found.price == 0


def test_the_price_of_the_whole_is_that_of_a_single_leg() -> None:
    (found,) = closing_legs({(CALL, "LONG"): Decimal(2)}, (leg(),), Decimal("1.99"), {})

    assert found.price == Decimal("1.99")


@pytest.mark.parametrize(
    ("reported", "error"),
    [
        ((leg(exit_price="1"),), ("price_missing", "/legs", f"Leg {HIGHER} has no exit_price.")),
        ((leg("TWX", exit_price="1"),), ("unknown_leg", "/legs", "The trade has no open leg TWX.")),
        ((leg(side="SHORT", exit_price="1"),), ("leg_differs", "/legs", f"Leg {CALL} is not SHORT.")),
        ((leg(), leg()), ("duplicate_leg", "/legs", f"Leg {CALL} appears 2 times; use ratio instead.")),
    ],
)
def test_an_exit_that_cannot_be_booked_is_refused(
    reported: tuple[ReportedLeg, ...], error: tuple[str, str, str]
) -> None:
    assert error_of(closing_legs, HELD, reported, Decimal(1), {}) == error


def test_a_leg_without_a_price_names_none() -> None:
    assert reported_exit_prices(HELD, (leg(), leg(HIGHER, exit_price="0", side=None))) == {HIGHER: 0}


def test_both_sides_of_one_contract_may_be_named() -> None:
    both = {(CALL, "LONG"): Decimal(1), (CALL, "SHORT"): Decimal(1)}

    assert reported_exit_prices(both, (leg(side="SHORT", exit_price="1.5"),)) == {CALL: Decimal("1.5")}
    assert reported_exit_prices(both, (leg(side="LONG", exit_price="1.5"),)) == {CALL: Decimal("1.5")}


CLOSED = (
    LegFill(CALL, "CLOSE", "LONG", Decimal(2), Decimal("1.31")),
    LegFill(HIGHER, "CLOSE", "SHORT", Decimal(2), Decimal("0.40")),
)
EQUAL = (((CALL, "LONG"), 1), ((HIGHER, "SHORT"), 1))
TWICE = (((CALL, "LONG"), 2), ((HIGHER, "SHORT"), 2))


@pytest.mark.parametrize(("total", "differs"), [(None, False), ("0.91", False), ("0.910", False), ("0.92", True)])
def test_the_price_reported_for_the_whole_is_held_against_the_legs(total: str | None, differs: bool) -> None:
    assert net_price_differs(CLOSED, EQUAL, number(total)) is differs


def test_the_price_of_the_whole_is_for_each_unit_of_the_quantity() -> None:
    assert not net_price_differs(CLOSED, TWICE, Decimal("1.82"))
    assert error_of(refuse_prices_better_than_quotes, CLOSED, TWICE, {}, Decimal("0.91")) == (
        "price_mismatch", "/exit_price", "Does not match the legs: expected 1.82.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("reported", "total"),
    [({}, None), ({CALL: "1.310"}, "0.91"), ({CALL: "1.31", HIGHER: "0.4"}, None)],
)
def test_a_shadow_may_repeat_the_touch_that_closes_it(reported: dict[str, str], total: str | None) -> None:
    prices = {name: Decimal(text) for name, text in reported.items()}

    refuse_prices_better_than_quotes(CLOSED, EQUAL, prices, number(total))


@pytest.mark.parametrize(
    ("reported", "total", "error"),
    [
        ({CALL: "1.32"}, None, ("price_not_marketable", "/legs", f"{CALL} sells at the bid; the bid is 1.31.")),
        ({CALL: "1.30"}, None, ("price_mismatch", "/legs", f"{CALL} sells at the bid; the bid is 1.31.")),
        ({HIGHER: "0.39"}, None, ("price_not_marketable", "/legs", f"{HIGHER} buys at the ask; the ask is 0.40.")),
        ({HIGHER: "-0.39"}, None, ("negative_price", "/legs", f"The price of leg {HIGHER} must be 0 or more.")),
        ({}, "0.92", ("price_mismatch", "/exit_price", "Does not match the legs: expected 0.91.")),
    ],
)
def test_a_shadow_that_claims_another_exit_than_its_quotes_is_refused(
    reported: dict[str, str], total: str | None, error: tuple[str, str, str]
) -> None:
    prices = {name: Decimal(text) for name, text in reported.items()}

    assert error_of(refuse_prices_better_than_quotes, CLOSED, EQUAL, prices, number(total)) == error


def test_the_price_of_a_single_leg_closed_is_held_against_its_touch() -> None:
    found = error_of(refuse_prices_better_than_quotes, CLOSED[:1], EQUAL, {}, Decimal("1.32"))

    assert found == ("price_not_marketable", "/exit_price", f"{CALL} sells at the bid; the bid is 1.31.")


def test_a_shadow_has_no_broker() -> None:
    detail = "A shadow trade has no broker; claim OWN_FEED_QUOTE or MODEL."

    assert error_of(refuse_claim, "BROKER_FILL", is_shadow=True) == (
        "provenance_not_allowed", "/price_provenance", detail,
    )  # fmt: skip


def test_what_only_the_referee_can_say_is_no_claim() -> None:
    detail = "NEUTRAL_QUOTE is for the referee to say; claim OWN_FEED_QUOTE or MODEL."

    assert error_of(refuse_claim, "NEUTRAL_QUOTE", is_shadow=True)[2] == detail


@pytest.mark.parametrize(
    ("claimed", "is_shadow"), [("BROKER_FILL", False), ("MODEL", True), ("OWN_FEED_QUOTE", True), (None, True)]
)
def test_other_claims_are_for_both(claimed: str | None, is_shadow: bool) -> None:
    refuse_claim(claimed, is_shadow=is_shadow)


@pytest.mark.parametrize(
    ("flag", "code"),
    [
        ("LOOKAHEAD", "lookahead"), ("STALE", "stale_quote"), ("BEFORE_ENTRY", "stale_quote"),
        ("CROSSED", "crossed_quote"), ("ONE_SIDED", "one_sided_quote"), ("NO_TIME", "quote_time_missing"),
        ("NOT_A_QUOTE", "not_a_quote"), ("MISSING", "quote_missing"),
    ],
)  # fmt: skip
def test_each_shortcoming_of_a_quote_has_its_code(flag: str, code: str) -> None:
    error = quote_error("X", QuoteFlag[flag], "/entry_quotes")

    assert (error.code, error.pointer) == (code, "/entry_quotes/X")
    assert error.detail.startswith("The quote for X ")


def test_every_shortcoming_of_a_quote_is_explained_to_its_engine() -> None:
    details = [quote_error("X", flag, "/quotes").detail for flag in QuoteFlag]

    assert len(set(details)) == len(QuoteFlag)
    assert "The quote for X is missing; send one for every leg." in details


def fill(provenance: str | None = None, bid: str = "1.30", reason: str = "SIGNAL") -> FillReport:
    time = datetime(2014, 6, 5, 14, tzinfo=UTC)
    conditions = {"quotes": {CALL: {"bid": bid, "quote_time": "2014-06-05T14:00:00Z"}}, "seen": "x"}
    return FillReport("f1", time, (), Decimal("0.65"), reason, provenance, conditions)


def test_a_report_is_known_again_by_what_it_means() -> None:
    first = report_hash(fill(), price_provenance="MODEL")

    # A default said, and a price in another spelling.
    assert report_hash(fill("MODEL", bid="1.3"), price_provenance="BROKER_FILL") == first


LEG = LegFill(CALL, "OPEN", "LONG", Decimal(2), Decimal("1.30"))


@pytest.mark.parametrize("part", [{"quantity": Decimal(1)}, {"price": Decimal("1.31")}, {"side": "SHORT"}])
def test_legs_are_told_apart_by_each_of_their_parts(part: dict[str, Any]) -> None:
    hashes = {report_hash(replace(fill("MODEL"), legs=(leg,))) for leg in (LEG, replace(LEG, **part))}

    assert len(hashes) == 2


@pytest.mark.parametrize("other", [fill("BROKER_FILL"), fill(bid="1.31"), fill(reason="MANUAL")])
def test_a_report_that_means_something_else_is_another(other: FillReport) -> None:
    assert report_hash(other, price_provenance="MODEL") != report_hash(fill(), price_provenance="MODEL")
