"""An evaluation as the people at their browsers go through it: from an empty page to a verdict that can be cited."""

from __future__ import annotations

import pytest

from outcomes.evaluations import judging
from outcomes.models import Evaluation, KeptReport
from tests.browser.axe import barriers, barriers_here
from tests.browser.person import Person
from tests.factories import make_available
from tests.outcomes.evaluations.hall import Hall, draft, make_phase, started
from tests.outcomes.evaluations.pages import url

pytestmark = pytest.mark.django_db(transaction=True)

TERMS = {
    "Name": "spring", "Hypothesis": "B's stops are tighter.", "Signals from": "2014-06-02T04:00",
    "Days in a block": "1", "Worst block": "9", "Horizon, blocks": "100", "Signals in a busy block": "4",
}  # fmt: skip
# A gains 1 R with the first, and a little with each later one.
GAINS = ("2.78", "1.53", "1.46")


def judge_some(hall: Hall) -> None:
    """Signals on successive days, each a block; the last one's day is not over."""
    for day, gain in enumerate((*GAINS, "1.39")):
        hall.play(day, a=gain)
    judging.judge_due()


def test_it_is_written_by_one_approved_by_another_started_read_kept_and_finished(person: Person) -> None:
    make_phase()
    hall = Hall()

    # given nothing yet, and a history too short to propose anything
    person.open("index")
    person.click("Verdict")
    person.reads("No evaluation yet")
    person.click("Write an evaluation")
    person.chooses("Prices that count", "ENGINES: all but model prices")
    person.chooses("Clock", "EVENT: a replayed source's signals, by their own time")
    person.types("Longest hold, days", "0")
    person.submit("Propose")
    person.reads("History has fewer than 20 blocks of any length")

    # The form below keeps what was asked for.
    for label, text in TERMS.items():
        person.types(label, text)
    person.submit("Create draft")
    person.reads("Draft spring created. Somebody else must approve it.")
    person.click("Open the evaluation")
    person.reads("It has not been started.", "Somebody other than ada")
    assert "Approve" not in person.words()

    person.sit_down("bob", "operator")
    person.open("outcomes_evaluation_latest")
    person.click("Approve")
    person.submit("Approve")
    person.reads("Evaluation spring approved.")
    person.click("Start")
    person.submit("Start")
    person.reads("Evaluation spring runs as attempt 1.")
    assert barriers_here(person) == []
    person.click("Open the evaluation")
    person.reads("after 0 blocks", "0 of 100 blocks are judged")

    make_available("A", "B")  # however long the pages took
    judge_some(hall)
    person.open("outcomes_evaluation_latest")
    person.reads(
        "REPLAYED, a rehearsal: On the engines' own prices: Running:", "of 40 needed, after 3 blocks.",
        "Over all blocks A minus B is +0.384 R a signal", "The next block (2014-06-05 to 2014-06-05) waits for",
    )  # fmt: skip
    assert [row[3] for row in person.table("What was assumed")[1:]] == ["✓ yes"] * 5
    person.reads("… never opened")
    counted = person.table("Every signal is counted")
    assert (counted[1], counted[-1]) == (["Traded, with a value", "3", "3"], ["… broke a rule", "0", "0"])

    person.finds("[aria-label='What the page is kept for']")[0].send_keys("The meeting")
    person.submit("Keep this page")
    person.reads("Kept by bob", "Evaluation spring. The meeting", "after 3 blocks")
    (kept,) = KeptReport.objects.all()
    assert person.driver.current_url.endswith(url("kept", kept.report_hash))

    person.click("What it says now")
    person.click("Finish")
    person.types("Reason", "The desk has moved on.")
    person.submit("Finish")
    person.reads("finished by bob: The desk has moved on.")
    assert "Finish" not in person.words()


def test_history_is_rehearsed_and_proposes_the_next_attempt(person: Person) -> None:
    make_phase()
    started(horizon_blocks=3)
    hall = Hall()
    for day in range(22):
        hall.play(day, a=("2.78", "1.39", "0.70")[day % 3])
    judging.judge_due()
    started(name="summer")

    person.open("outcomes_evaluation_latest")
    person.reads("Attempt 2, after spring (INCONCLUSIVE).")
    person.click("spring")
    person.reads("Inconclusive after 3 blocks: not enough to separate A from B.", "Attempt 1.")
    person.click("Rehearse on stored history")
    person.reads("RETROSPECTIVE", "A rehearsal on 22 blocks of stored history, never a verdict.")
    assert len(person.finds("figure[data-chart] canvas")) == 3

    person.open("outcomes_evaluation_write")
    person.chooses("Prices that count", "ENGINES: all but model prices")
    person.chooses("Clock", "EVENT: a replayed source's signals, by their own time")
    person.types("Longest hold, days", "0")
    person.types("Target difference per signal", "0.5")
    person.submit("Propose")
    person.reads("What each length of blocks costs", "were A better by 0.5 R a signal")
    ((days, blocks, worst, _, _, dependence, _),) = person.table("What each length of blocks costs")[1:]
    assert (days, blocks, worst, dependence) == ("1 proposed", "22", "1.00", "independent")
    person.click("Use")

    person.reads("The plan")
    person.until(lambda: person.value("Worst block") == "1.00", lambda: "the proposal in the form")
    assert (person.value("Days in a block"), person.value("Margin")) == ("1", "0.25")
    assert int(person.value("Horizon, blocks")) > 1


def test_nothing_stops_somebody_who_sees_little(person: Person) -> None:
    make_phase()
    assert barriers(person, [url("latest")]) == {}
    draft(name="winter")
    started()
    judge_some(Hall())
    pages = [
        url("verdict", "winter"), url("verdict", "spring"), url("changelist"), url("write"),
        url("finish", Evaluation.objects.get(name="spring").pk),
    ]  # fmt: skip
    assert barriers(person, pages) == {}
    person.go(url("rehearse", "spring"))
    person.reads("never a verdict")
    assert barriers_here(person) == []
