"""Options are known by their OCC symbol in every spelling; everything else is left as it is."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from outcomes.core.quoting import (
    Option,
    canonical_instrument,
    contract_text,
    instruments_to_quote,
    is_instrument,
    parse_option,
)

PADDED = "SPY   260417C00575500"
CALL = Option("SPY", date(2026, 4, 17), is_call=True, strike=Decimal("575.5"))
NO_OPTIONS = [
    "SPY", "", "BTC/USDT", "SPY260417C0057550", "SPY260417X00575500", "spy260417C00575500", "TOOLONG260417C00575500",
    "SPY261317C00575500", "SPY260431P00575500", "SPY260400C00575500", "SPY260417C00575500 ", "X:SPY260417C00575500",
]  # fmt: skip


@pytest.mark.parametrize("spelling", [PADDED, "SPY260417C00575500", "O:SPY260417C00575500", "SPY 260417C00575500"])
def test_every_spelling_of_an_option_is_one_contract(spelling: str) -> None:
    assert parse_option(spelling) == CALL
    assert canonical_instrument(spelling) == PADDED


@pytest.mark.parametrize(
    ("symbol", "option"),
    [
        ("BRK.B 270115P00400000", Option("BRK.B", date(2027, 1, 15), is_call=False, strike=Decimal(400))),
        ("SPXW  000131P00000001", Option("SPXW", date(2000, 1, 31), is_call=False, strike=Decimal("0.001"))),
        ("GOOGL1991231C99999999", Option("GOOGL1", date(2099, 12, 31), is_call=True, strike=Decimal("99999.999"))),
    ],
)
def test_a_padded_symbol_says_root_expiry_right_and_strike(symbol: str, option: Option) -> None:
    assert parse_option(symbol) == option
    assert canonical_instrument(symbol) == symbol


@pytest.mark.parametrize("instrument", NO_OPTIONS)
def test_what_is_no_option_keeps_its_spelling(instrument: str) -> None:
    assert parse_option(instrument) is None
    assert canonical_instrument(instrument) == instrument


@pytest.mark.parametrize(
    ("is_call", "underlying", "value"),
    [
        (True, "580.25", "4.75"), (True, "575.5", "0"), (True, "575.49", "0"), (True, "0", "0"),
        (False, "570", "5.5"), (False, "575.5", "0"), (False, "575.51", "0"), (False, "0", "575.5"),
    ],
)  # fmt: skip
def test_exercising_is_worth_what_the_underlying_is_beyond_the_strike(
    is_call: bool, underlying: str, value: str
) -> None:
    option = Option("SPY", date(2026, 4, 17), is_call=is_call, strike=Decimal("575.5"))

    assert option.intrinsic_value(Decimal(underlying)) == Decimal(value)


@pytest.mark.parametrize(
    ("day", "wanted"),
    [
        (date(2014, 6, 20), ("TWX   140621C00070000",)),
        (date(2014, 6, 21), ("TWX   140621C00070000", "TWX")),
        (date(2014, 6, 22), ("TWX",)),
    ],
)
def test_an_option_is_quoted_up_to_its_last_day_and_its_underlying_from_that_day_on(
    day: date, wanted: tuple[str, ...]
) -> None:
    assert instruments_to_quote("O:TWX140621C00070000", day) == wanted
    assert instruments_to_quote("TWX", day) == ("TWX",)


@pytest.mark.parametrize(
    ("value", "names"),
    [("TWX   140621C00070000", True), ("é", False), ("X" * 64, True), ("X" * 65, False), ("", False), (" X", False),
     ("X\n", False), ("A\x00B", False), (7, False), (None, False)],
)  # fmt: skip
def test_an_instrument_is_named_by_up_to_64_printable_ascii_characters(value: object, names: bool) -> None:
    assert is_instrument(value) is names


@pytest.mark.parametrize(
    ("instrument", "said"),
    [
        ("GOOG  080815P00500000", "GOOG 15 Aug 2008 500 put"),
        ("O:TWX140719C00072500", "TWX 19 Jul 2014 72.5 call"),
        ("SPXW  260102C04000005", "SPXW 2 Jan 2026 4000.005 call"),
        ("SPY", "SPY"),
        ("SPY   261332C00500000", "SPY   261332C00500000"),
    ],
)
def test_a_contract_is_said_as_traders_say_it(instrument: str, said: str) -> None:
    assert contract_text(instrument) == said
