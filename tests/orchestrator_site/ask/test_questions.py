"""What can be asked over MCP is answered in the words of the pages, and tells no engine its role beforehand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from experiments.models import Experiment
from kernel.actors import Actor
from kernel.errors import DomainError
from kernel.values import decimal_text
from orchestrator_site.ask import questions
from outcomes.core.sentences import FLAGS
from outcomes.evaluations.documents import evaluation_document
from outcomes.evaluations.lifecycle import evaluation_named
from outcomes.models import RealOutcome, RealTrade
from outcomes.selectors import explanation_of
from policies.selectors import active_policy
from policies.services import engage_halt
from tests.database import execute
from tests.factories import make_available, make_experiment, make_policy, make_signal
from tests.orchestrator_site.blind import names_of, open_signal
from tests.outcomes.closed_trades import Closed, break_rule, close_pair
from tests.outcomes.evaluations.hall import Hall, make_phase, started

pytestmark = pytest.mark.django_db


def both_have_answered() -> None:
    execute("UPDATE signal_distributions SET answered_at = now()")


def test_why_says_the_sentence_of_the_page_and_the_facts_beside_it() -> None:
    experiment = close_pair("A", Closed(a="-12.5", b="3"), symbol="SPY", order_id="order-7")
    break_rule(experiment, "B")
    both_have_answered()

    answers = [questions.why(name) for name in (*names_of(experiment)[:5], "order-7")]

    assert {answer.model_dump_json() for answer in answers} == {answers[0].model_dump_json()}
    answer = answers[0]
    assert explanation_of(Experiment.objects.get()) in answer.text
    assert (answer.executed_engine, answer.symbol, answer.roles_shown) == ("A", "SPY", True)
    a, b = answer.engines
    assert (a.role, a.trade_kind, a.pnl, b.role, b.pnl) == ("REAL", "REAL", "-12.50", "SHADOW", "3.00")
    assert [rule.standing for rule in answer.rules].count("applies") == 1
    assert answer.violations == ["B: LATE_ENTRY, A test."]


def test_a_trade_and_a_decision_name_a_signal_once_they_may_be_known() -> None:
    experiment = close_pair("A", Closed(a="1", b="2"))
    by_trade, by_decision = str(RealTrade.objects.get().pk)[:8], experiment.decision.decision_hash
    for name in (by_trade, by_decision):
        with pytest.raises(DomainError, match="not_found"):
            questions.why(name)

    both_have_answered()

    assert questions.why(by_trade).experiment_id == questions.why(by_decision).experiment_id == str(experiment.pk)


def test_a_signal_that_waits_for_its_decision_is_said_to() -> None:
    signal = make_signal()

    answer = questions.why(str(signal.pk)[:8])

    assert answer.experiment_id is None
    assert answer.text.endswith("and is not decided yet.")


@pytest.mark.parametrize("name", ["", " ", "nothing", "\x00", "0" * 64, "%", "f" * 8, "'; DROP TABLE signals"])
def test_a_name_of_nothing_is_not_found(name: str) -> None:
    make_experiment("A")

    with pytest.raises(DomainError, match="not_found"):
        questions.why(name)


def test_a_name_of_several_signals_lists_them() -> None:
    made = [make_experiment("A", order_id="twice") for _ in range(2)]

    with pytest.raises(DomainError, match="not_unique") as caught:
        questions.why("twice")

    assert all(str(one.pk) in caught.value.detail for one in made)


def test_the_state_says_what_the_first_page_says() -> None:
    make_available("A")
    make_policy(configured_mode="ENGINE_A_PRIMARY")
    before = questions.state()
    engage_halt(Actor("olga"), reason="The broker is down.")

    after = questions.state()

    assert (before.halted, before.mode, before.configured_mode) == (False, "PAPER", "ENGINE_A_PRIMARY")
    assert [(one.engine, one.available) for one in before.engines] == [("A", True), ("B", False)]
    assert "engine A trades for real" in before.next_decisions[0]
    assert (after.halted, after.halt_reason) == (True, "The broker is down.")
    assert "HALTED since" in after.text
    assert "no engine trades for real" in after.next_decisions[0]
    assert "The worker is NOT running." in after.text


def test_an_evaluation_is_told_in_the_sentence_that_may_be_cited() -> None:
    make_phase()
    started()
    hall = Hall()
    for day in range(2):
        hall.play(day, a="2.78", b="0.98")

    newest, named = questions.evaluation(), questions.evaluation("spring")

    document = evaluation_document(evaluation_named("spring"))
    assert newest == named
    assert named.text.startswith(f"spring: {document['sentence']}")
    assert (named.verdict, named.content_hash) == (document["verdict"], document["content_hash"])
    assert named.flags == [FLAGS[flag] for flag in document["flags"]]
    assert named.evidence_a == document["evidence"]["a"]
    with pytest.raises(DomainError, match="No evaluation is named 'autumn'"):
        questions.evaluation("autumn")


def test_without_an_evaluation_that_is_said() -> None:
    with pytest.raises(DomainError, match="There is no evaluation yet"):
        questions.evaluation()


def test_the_worst_trades_are_those_of_one_engine_and_kind_the_lowest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    for pnl in ("5", "-20", "-1", None, "-20"):
        close_pair("A", Closed(a=pnl, b="-99"), symbol="SPY" if pnl == "-1" else "QQQ")
    both_have_answered()
    monkeypatch.setattr(questions, "ROWS_AT_ONCE", 2)

    answer = questions.worst_trades("A", "real", 3)

    worst = RealOutcome.objects.filter(pnl__isnull=False).order_by("pnl")[:3]
    assert [row.pnl for row in answer.trades] == [decimal_text(one.pnl or 0) for one in worst]  # type: ignore[arg-type]
    assert answer.text.splitlines()[0] == "The worst real trades of engine A:"
    assert "-20.00 USD" in answer.text
    assert [row.pnl for row in questions.worst_trades("A", "real", 10, symbol="spy").trades] == ["-1.00"]
    assert [row.pnl for row in questions.worst_trades("B", "shadow", 1).trades] == ["-99.00"]
    assert "has no real trades that match" in questions.worst_trades("B", "real", 1).text
    with pytest.raises(DomainError, match="since: Send RFC 3339"):
        questions.worst_trades("A", "real", 1, since="yesterday")


def test_trades_of_a_signal_that_an_engine_may_still_trade_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    for pnl in ("-3", "-2", "-1"):
        close_pair("A", Closed(a=pnl, b="0"))
    both_have_answered()
    close_pair("A", Closed(a="-50", b="0"))
    monkeypatch.setattr(questions, "ROWS_AT_ONCE", 1)

    assert [row.pnl for row in questions.worst_trades("A", "real", 2).trades] == ["-3.00", "-2.00"]


def test_the_first_version_of_the_policy_is_said_to_have_none_before_it() -> None:
    answer = questions.policy_changes(after=1)

    assert (answer.before, answer.after, answer.changes) == (1, 1, [])
    assert answer.text.count("v1, active from") == 1
    assert answer.text.endswith("No version came before it.")


def test_policy_changes_are_those_of_the_version_in_force_unless_named() -> None:
    make_policy(configured_mode="ENGINE_A_PRIMARY")
    made = make_policy(split_percentage="70")

    answer = questions.policy_changes()

    latest = active_policy()
    assert latest is not None
    assert (answer.before, answer.after) == (made.version - 1, latest.version)
    assert {change.setting for change in answer.changes} == {"configured_mode", "split_percentage"}
    assert "from 50.00 to 70.00" in answer.text
    assert questions.policy_changes(made.version, made.version).text.endswith("They do not differ.")
    with pytest.raises(DomainError, match="Policy version 99 does not exist"):
        questions.policy_changes(99)


def test_an_open_signal_is_told_without_who_trades_it() -> None:
    experiment = open_signal("A", datetime.now(UTC))

    answer = questions.why(str(experiment.pk))

    hidden = ("execution_mode", "executed_engine", "reason", "variant")
    assert [getattr(answer, name) for name in hidden] == [None] * 4
    assert (answer.rules, answer.violations, answer.roles_shown) == ([], [], False)
    assert "Engine A has not answered. Engine B has not answered." in answer.text
