"""The comparison and the engines over time as an analyst reads them: found, narrowed, cited, without barriers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from selenium.webdriver.common.by import By

from outcomes.models import KeptReport
from tests.browser.axe import barriers_here
from tests.browser.person import DESKTOP, Person
from tests.factories import MOMENT
from tests.outcomes.closed_trades import EXIT_TIME, Closed, close_pair, leave_by_own_rules

pytestmark = pytest.mark.django_db(transaction=True)
DRAWN = "return [...document.querySelectorAll('figure canvas')].filter(one => window.Chart.getChart(one)).length"


# Whenever the tests run, that was not in the last two weeks.
LONG_AGO = EXIT_TIME - timedelta(days=3650)


def given_pairs() -> None:
    """Close eight pairs on eight days: A makes 10 to 80, B 40 each; A is the real one on the first five."""
    for number in range(8):
        closed = Closed(a=f"{10 * (number + 1)}", b="40", exit_time=LONG_AGO + timedelta(days=number))
        signal = {"symbol": "SPY" if number % 2 else "QQQ", "timestamp": MOMENT + timedelta(minutes=number)}
        experiment = close_pair("A" if number < 5 else "B", closed, **signal)
    leave_by_own_rules(experiment, "A", "20")


def wait_for_parts(person: Person, charts: int) -> None:
    person.until(
        lambda: person.driver.execute_script(DRAWN) == charts,
        lambda: f"{charts} charts, of which {person.driver.execute_script(DRAWN)} are drawn",
    )


def test_a_reader_finds_on_the_comparison_what_to_say_and_how_to_cite_it(person: Person) -> None:
    given_pairs()
    person.sit_down("root", "administrator")

    person.open("index")
    person.click("Compare")
    wait_for_parts(person, 11)

    # Who is ahead, what of it is execution, and what comes from exits.
    person.reads(
        "On 8 pairs A made +0.360 R and B +0.320 R: A − B is +0.0400 R, +0.0050 R a pair",
        "is execution", "Trading for real costs", "On the 1 pair whose shadow has also reported",
    )  # fmt: skip
    # The worst trades of B are named and lead to why.
    worst = person.table("Worst of B")
    assert (len(worst), worst[1][1:4]) == (6, ["▲ +40.00", "+0.040", "shadow"])
    # Of SPY alone the table has a line, and a click asks for it alone.
    assert barriers_here(person) == []
    person.screen(DESKTOP)
    symbols = person.driver.find_element(By.CSS_SELECTOR, "#slices-symbol details")
    symbols.find_element(By.TAG_NAME, "summary").click()
    symbols.find_element(By.LINK_TEXT, "SPY").click()
    person.reads("On 4 pairs A made")
    assert "symbol=SPY" in person.driver.current_url
    person.click("In USD")
    person.reads("On 4 pairs A made +200.00 USD and B +160.00 USD: A − B is +40.00 USD")
    assert person.value("Symbol") == "SPY"
    # It is kept with its hash, under an address of its own.
    person.finds("[aria-label='What the report is kept for']")[0].send_keys("The meeting")
    person.submit("Keep this report")
    person.reads("The meeting", "symbol = SPY")
    (kept,) = KeptReport.objects.all()
    assert kept.report_hash in person.driver.current_url


def test_an_engine_is_read_over_time(person: Person) -> None:
    given_pairs()
    person.sit_down("root", "administrator")

    person.open("index")
    person.click("Engines")
    wait_for_parts(person, 10)

    person.reads("A: closed trades (USD)", "B: versions")
    assert person.table("A: closed trades (USD)")[1:3] == [
        ["Trades", "5", "3", "1"], ["Win rate", "100.0%", "100.0%", "100.0%"],
    ]  # fmt: skip
    assert barriers_here(person) == []
    person.screen(DESKTOP)
    person.click("30 days")
    person.reads("A has closed no trade in this time")
