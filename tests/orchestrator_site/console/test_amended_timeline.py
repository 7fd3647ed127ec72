"""The timeline of a signal tells everything as it was first told; amendments are events of their own."""

from __future__ import annotations

import pytest
from django.urls import reverse

from kernel.actors import Actor
from outcomes.services import accept_amendment, refuse_amendment
from tests.orchestrator_site.console.rows import logged_in
from tests.outcomes.desk import Desk, last_amendment, make_desk
from tests.outcomes.services.test_amendments import amend, bust, closed_pair, correction, execution, propose

pytestmark = pytest.mark.django_db

ADA = Actor("ada")


def told(desk: Desk) -> list[tuple[str, str]]:
    """The events of engine A's trade and of its amendments, in order."""
    page = logged_in("viewer").get(reverse("admin:experiments_experiment_change", args=(desk.experiment.pk,)))
    events = [item.event for item in page.context["page"].timeline]
    about = ("Engine A opened", "Engine A's", "Engine A proposed", "Outcome of engine A", "ada ")
    return [(event.title, event.detail) for event in events if event.title.startswith(about)]


def test_a_correction_stands_beside_the_exit_that_it_corrects() -> None:
    desk = make_desk()
    real_id = closed_pair(desk)
    amend(desk, real_id, correction("entry", values={"fees": "1.20"}))
    amend(desk, real_id, correction("exit", execution("1.89")))

    sold = "Sell to close 1 TWX 21 Jun 2014 70 call at 1.89"
    assert told(desk) == [
        ("Engine A opened its real trade", "1 at 1.39, entered 2014-06-05T14:00:00Z"),
        ("Engine A's real trade closed", "at 1.99, TAKE_PROFIT, exited 2014-06-05T18:00:00Z"),
        ("Outcome of engine A recorded", "P&L +60.00, TAKE_PROFIT"),
        ("Engine A proposed a correction of its entry", "fees 1.20: The broker corrected the price."),
        ("ada accepted the correction of engine A's entry", "Checked with the broker."),
        ("Outcome of engine A revised", "P&L +60.00 → +58.80"),
        ("Engine A proposed a correction of its exit", f"{sold}: The broker corrected the price."),
        ("ada accepted the correction of engine A's exit", "Checked with the broker."),
        ("Outcome of engine A revised", "P&L +58.80 → +48.80"),
    ]


def test_a_busted_exit_stays_and_so_does_the_one_after_it() -> None:
    desk = make_desk()
    real_id = closed_pair(desk)
    amend(desk, real_id, bust("exit"))
    desk.a.close(real_id, exit_time="2014-06-05T19:00:00Z", exit_price="2.09")

    assert told(desk)[1:] == [
        ("Engine A's real trade closed", "at 1.99, TAKE_PROFIT, exited 2014-06-05T18:00:00Z"),
        ("Outcome of engine A recorded", "P&L +60.00, TAKE_PROFIT"),
        ("Engine A proposed a bust of its exit", "Clearly erroneous."),
        ("ada accepted the bust of engine A's exit", "Checked with the broker."),
        ("Outcome of engine A withdrawn", "P&L +60.00 no longer counts: the trade is open again"),
        ("Engine A's real trade closed", "at 2.09, TAKE_PROFIT, exited 2014-06-05T19:00:00Z"),
        ("Outcome of engine A recorded", "P&L +70.00, TAKE_PROFIT"),
    ]


def test_what_was_refused_is_told_with_the_reason_and_an_operator_has_a_lane_of_their_own() -> None:
    desk = make_desk()
    propose(desk, closed_pair(desk), bust("exit"))
    refuse_amendment(ADA, last_amendment(), reason="No such notice.")

    assert told(desk)[-1] == ("ada refused the bust of engine A's exit", "No such notice.")
    page = logged_in("analyst").get(reverse("admin:experiments_experiment_change", args=(desk.experiment.pk,)))
    lanes = {actor: height for height, actor in page.context["page"].scale.lanes}
    assert (lanes["Operator"], lanes["Engine B"], page.context["page"].scale.foot) == (84, 144, 156)
    assert "AMENDED" not in page.content.decode()


def test_a_trade_without_a_fill_left_was_not_closed_by_its_engine() -> None:
    desk = make_desk()
    propose(desk, desk.open_real(), bust("entry"))
    accept_amendment(ADA, last_amendment(), reason="Checked.")

    page = logged_in("viewer").get(reverse("admin:experiments_experiment_change", args=(desk.experiment.pk,)))

    events = {item.event.title: item.event for item in page.context["page"].timeline}
    assert events["Engine A opened its real trade"].detail.startswith("1 at 1.39")
    closed = events["Engine A's real trade closed"]
    assert (closed.actor, closed.detail) == ("Orchestrator", "unpriced, EXTERNAL, exited 2014-06-05T14:00:00Z")
    assert "AMENDED" in page.content.decode()
