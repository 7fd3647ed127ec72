"""What was decided, why, and whether it still follows from what is stored: read in the browser."""

from __future__ import annotations

import pytest
from django.utils import timezone

from experiments.history.replay import Selection, run_replay
from experiments.models import Experiment
from experiments.worker.pipeline import drain
from tests.browser.person import Person
from tests.experiments.history.test_replay import tamper
from tests.factories import make_policy, make_signal
from tests.orchestrator_site.console.rows import traded_pair
from tests.outcomes.desk import RULES_HASH, EngineClient

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def experiment() -> Experiment:
    return traded_pair(symbol="TWX")


def test_the_decision_for_a_signal_as_of_then_equals_what_is_stored(person: Person) -> None:
    make_policy(configured_mode="ENGINE_A_PRIMARY")
    for engine in ("A", "B"):
        EngineClient(engine).post("heartbeat", {"engine_version": "7", "rules_hash": RULES_HASH})
    signal = make_signal()
    drain()

    person.open("as_of")
    person.types("Signal ID", str(signal.pk))
    person.submit("Show")

    person.reads(
        "ENGINE_A_PRIMARY, engine A trades for real (CONFIGURED)",
        "Matches the stored decision, including its hash.",
        "Policy v2",
    )


def test_what_was_in_force_at_a_past_instant_is_shown(person: Person, experiment: Experiment) -> None:
    person.open("as_of")
    person.types("Time (UTC)", f"{timezone.now():%Y-%m-%dT%H:%M:%S.%f}")
    person.submit("Show")

    person.reads("Policy v2", "Halts", "Engine A", "Engine B")


def test_a_time_that_is_none_is_told_beside_its_field_and_kept(person: Person) -> None:
    person.open("as_of")
    person.types("Time (UTC)", "yesterday at noon")
    person.submit("Show")

    person.reads("Enter a time in UTC, such as 2026-03-16T14:30")
    assert person.value("Time (UTC)") == "yesterday at noon"


def test_an_experiment_is_found_explained_and_verified(person: Person, experiment: Experiment) -> None:
    person.open("experiments_experiment_changelist", q="TWX")
    person.finds("#result_list tbody a")[0].click()
    person.reads("Engine A recommended the trade and traded for real because", "▲ +60.00", "▲ +33.00", "Timeline")

    person.submit("Recompute now")

    person.reads("Recomputed just now: everything stored follows from the stored inputs.")


def test_what_was_changed_behind_our_back_is_named(person: Person, experiment: Experiment) -> None:
    tamper("experiments", "bucket = (bucket + 1) % 10000")

    person.open("experiments_experiment_change", experiment.pk)
    person.submit("Recompute now")

    person.reads("1 difference. The stored data was changed.", "experiments.bucket")


def test_the_last_replay_run_is_on_the_overview(person: Person, experiment: Experiment) -> None:
    run_replay(Selection(), run_by="command line (root)")

    person.open("index")

    person.reads("Last replay", "command line (root)")


def test_the_comparison_draws_its_charts_and_reads_its_parts(person: Person, experiment: Experiment) -> None:
    person.open("report", unit="currency")

    person.reads("On 1 pair A made +60.00 USD and B +33.00 USD", "The 5 best and 5 worst trades of B")
    drawn = (
        "return [...document.querySelectorAll('#equity canvas')].map(one => Chart.getChart(one)?.data.datasets.length)"
    )
    # A moment after what can be read.
    person.until(lambda: person.driver.execute_script(drawn) == [3], lambda: "lines of A, B and their difference")
    person.finds("#trades-b th a")[0].click()
    person.reads("Engine A recommended the trade and traded for real because")


def test_a_report_of_nothing_says_how_to_fill_it(person: Person) -> None:
    person.open("report", symbol="NONE")

    person.reads("No closed trades match", "manage.py demo")
