"""Somebody follows a pair from its experiment to the fills of a trade, and to the quote that priced one."""

from __future__ import annotations

import pytest
from django.urls import reverse

from outcomes.models import Quote, ShadowTrade
from outcomes.services import settle_due
from tests.browser.person import DESKTOP, PHONE, Person
from tests.browser.test_every_page import LOOK
from tests.factories import api_client
from tests.orchestrator_site.console.rows import traded_pair
from tests.outcomes.desk import C70, C72_5_JULY, ENTRY_TIME, leg, make_desk, plan, quote

pytestmark = pytest.mark.django_db(transaction=True)


def test_from_the_experiment_one_comes_to_a_trades_fills_and_its_own_exit(person: Person) -> None:
    experiment = traded_pair()

    person.open("experiments_experiment_change", experiment.pk)
    person.driver.execute_script("[...document.links].filter(link => link.text == 'View trade')[1].click()")
    person.reads("Shadow trade of engine B", "▲ +33.00 USD, +0.337 R", "Own exit (TRAILING_STOP)")

    heading, entry, closing = person.table("Fills")
    assert heading == ["#", "Fill", "Action", "Quantity", "Instrument", "Price", "Quote (bid / ask)", "Age", "Fees"]
    assert [cell.split("\n")[0] for cell in entry] == [
        "1", "entry", "Buy to open", "1", "TWX 19 Jul 2014 72.5 call", "0.98", "0.98 / 0.98", "0 s", "0.00",
    ]  # fmt: skip
    assert closing[6] == "1.31 / 1.37\nSAME_SNAPSHOT_QUOTE"
    counted = {row[0]: row[1:] for row in person.table("Own exit beside the one that counts")}
    assert counted["R"] == ["+0.337 R", "+0.429 R"]
    assert counted["P&L"] == ["▲ +33.00", "▲ +42.00"]


def test_from_a_fill_one_comes_to_the_neutral_quote_that_priced_it(person: Person) -> None:
    api_client("feeder")
    desk = make_desk()
    Quote.objects.create(
        instrument=C72_5_JULY, bid="0.96", ask="0.99", quote_time=ENTRY_TIME, source="feeder", received_at=ENTRY_TIME
    )
    desk.open_shadow()
    settle_due()

    person.open("outcomes_shadowtrade_change", ShadowTrade.objects.get().pk)
    person.click("NEUTRAL_QUOTE")

    person.reads("TWX 140719C00072500", "0.96", "0.99", "feeder")


def test_what_was_found_out_about_a_trade_is_said_in_words(person: Person) -> None:
    desk = make_desk(plan_a=plan(leg(), risk_amount="1"))
    desk.open_real(quantity="2")

    person.open("outcomes_realtrade_change", desk.experiment.realtrades.get().pk)

    person.reads(
        "PLAN_DIFFERS", "Engine A: Traded something else, or more, than planned.", "RISK_DIFFERS",
        "The capital at risk that the engine declared is not what its opening fills give.", "278.00 USD, declared 1.00",
    )  # fmt: skip


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_trade_in_several_legs_fits_the_screen(person: Person, size: tuple[int, int]) -> None:
    spread = [leg(), leg("TWX   140621C00072500", "SHORT", "0.42")]
    desk = make_desk(plan_a=plan(*spread))
    real = desk.open_real(legs=spread, entry_price="0.97")
    desk.open_shadow()
    named = {C70: quote("1.50", "1.55"), C72_5_JULY: quote(quote_time="2014-06-05T19:00:00Z")}
    exits = [{"instrument": each["instrument"], "exit_price": "1.50"} for each in spread]
    assert desk.a.close(real, exit_price="0", legs=exits, market_conditions={"quotes": named}).status == 200
    person.screen(size)

    for kind, pk in (("real", real), ("shadow", ShadowTrade.objects.get().pk)):
        person.go(reverse(f"admin:outcomes_{kind}trade_change", args=(pk,)))
        assert person.driver.execute_script(LOOK) == []
    person.reads("dated after the moment that it was to price")
