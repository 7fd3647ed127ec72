"""The rows behind every figure as an analyst uses them: sorted, paged, followed, taken away, without barriers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator_site.console import rows_page
from tests.browser.axe import barriers_here
from tests.browser.person import DESKTOP, Person
from tests.factories import MOMENT
from tests.outcomes.closed_trades import EXIT_TIME, Closed, close_pair

pytestmark = pytest.mark.django_db(transaction=True)
TAKE = "const [done] = [...arguments].slice(-1); fetch(arguments[0]).then(one => one.text()).then(done)"


def test_the_worst_pairs_are_found_followed_and_taken_away(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_page, "PAGE", 3)
    for number, gained in enumerate(["10", "-1500", "30", "-20", "50"]):
        closed = Closed(a=gained, b="40", exit_time=EXIT_TIME + timedelta(days=number))
        close_pair("A" if number < 3 else "B", closed, symbol="SPY", timestamp=MOMENT + timedelta(minutes=number))
    person.sit_down("root", "administrator")

    # Both kinds of trades and their pairs are a click apart; the worst pairs come two clicks of a heading later.
    person.open("index")
    person.click("Rows")
    person.reads("5 real trades in USD.")
    person.click("Pairs, one real")
    person.reads("5 pairs, one real in USD.")
    assert barriers_here(person) == []
    person.screen(DESKTOP)
    person.click("A − B")
    person.until(lambda: "order=best" in person.driver.current_url, lambda: person.driver.current_url)
    person.click("A − B ↓")
    person.until(lambda: "order=worst" in person.driver.current_url, lambda: person.driver.current_url)

    differences = [cell.text for cell in person.finds("tbody tr td:nth-child(6)")]
    assert differences == ["▼ −1,540.00", "▼ −60.00", "▼ −30.00"]

    # The next page goes on where this one ended, and the address is a link to it.
    person.click("Next 3")
    person.until(lambda: "after=" in person.driver.current_url, lambda: person.driver.current_url)
    assert [cell.text for cell in person.finds("tbody tr td:nth-child(6)")] == ["▼ −10.00", "▲ +10.00"]

    # The file holds all of them, whatever page is shown.
    (link,) = [one for one in person.finds("a") if one.text == "CSV"]
    lines = str(person.driver.execute_async_script(TAKE, link.get_attribute("href"))).splitlines()
    assert (len(lines), lines[0].split(",")[0]) == (6, "exit_time")

    # A row leads to why.
    person.finds("tbody tr a")[0].click()
    person.reads("Engine A recommended the trade", "Timeline")
