"""The one list of invariants: an honest flow violates none, and each notices a row that breaks it."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from experiments.models import Experiment
from kernel.invariants import MARK, read_invariants
from orchestrator_site.invariants import INVARIANTS, Finding, verify
from outcomes.models import EvaluationBlock, ShadowOutcome
from signals_app.models import Signal
from tests.database import execute, value
from tests.experiments.raw_rows import without_triggers
from tests.factories import make_available, make_policy, make_signal, make_source
from tests.outcomes.desk import C70, C72_5_JULY, ENTRY_TIME, EXIT_TIME, leg, make_desk, plan, quote, touched
from tests.outcomes.evaluations.hall import started

pytestmark = pytest.mark.django_db

DELIVERY = """
INSERT INTO webhook_deliveries
    (received_at, source_id, content_type, body, body_sha256, outcome, code, detail, signal_id, duration_ms)
SELECT now(), id, '', '', '', 'accepted', '', '', gen_random_uuid(), 1 FROM webhook_sources
"""
# A file that is nowhere.
ARCHIVE = """WITH made AS (
    INSERT INTO archives (kind, day, since, until, items, keys, archived_at)
    VALUES ('signals', '2026-01-05', now(), now(), 1, '{}', now()) RETURNING id)
INSERT INTO archive_files (archive_id, table_name, path, rows, size, sha256, columns)
SELECT id, 'signals', 'signals/nowhere.parquet', 1, 1, repeat('a', 64), '[]' FROM made"""
BATCH = "INSERT INTO worker_batches VALUES (gen_random_uuid(), '{}', 1, now(), now())"
# Undecided, in the queue and in a batch.
CLAIMED_TWICE = """
WITH undecided AS (UPDATE signals SET status = 'PENDING' RETURNING signal_id, received_at),
     claimed AS (INSERT INTO worker_batches
                 SELECT gen_random_uuid(), array_agg(signal_id), 1, now(), now() FROM undecided)
INSERT INTO waiting_signals SELECT false, received_at, signal_id FROM undecided"""
VIOLATION = """
INSERT INTO pair_violations (experiment_id, engine, name, detail, found_at)
SELECT experiment_id, 'A', 'LATE_ENTRY', 'A test.', now() FROM experiments
"""
ADA = """INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active,
 date_joined) VALUES ('', false, 'ada', '', '', '', true, true, now())"""
SYNCHRONISED = "reason = 'SYNCHRONISED'"
DOUBLED = """replace(legs::text, '"quantity":"1"', '"quantity":"2"')::json"""
BETTER = """replace(legs::text, '"price":"1.31"', '"price":"1.32"')::json"""
NEUTRAL = "replace(legs::text, 'SAME_SNAPSHOT_QUOTE', 'NEUTRAL_QUOTE')::json"
# What a superuser with bad intentions does to a finished flow, and the invariant that must notice it.
SABOTAGE = {
    "accounts_wear_one_hat": f"""WITH ada AS ({ADA} RETURNING id) INSERT INTO auth_user_groups (user_id, group_id)
 SELECT ada.id, auth_group.id FROM ada, auth_group WHERE auth_group.name IN ('operator', 'administrator')""",
    "signals_are_decided_once": "DELETE FROM market_contexts",
    "both_engines_get_the_stored_context": "DELETE FROM signal_distributions WHERE engine = 'B'",
    "engines_answer_the_stored_context": "UPDATE recommendations SET context_hash = repeat('a', 64)",
    "one_engine_trades_for_real": "UPDATE execution_policy SET executed_engine = 'B'",
    "trades_follow_an_opening": "UPDATE recommendations SET action = 'DECLINE' WHERE engine = 'B'",
    "stale_answers_are_shadows": "UPDATE recommendations SET recommended_at = recommended_at + interval '1 hour'",
    "blocks_follow_each_other": "UPDATE evaluation_blocks SET number = 3",
    "permits_are_those_revealed": "UPDATE permits SET expires_at = expires_at + interval '1 second'",
    "shadows_open_their_plan": "UPDATE shadow_trades SET multiplier = 10",
    "nothing_is_closed_that_was_not_open": f"UPDATE trade_fills SET legs = {DOUBLED} WHERE number = 2",
    "closed_trades_are_flat": f"UPDATE trade_fills SET legs = {DOUBLED} WHERE number = 1",
    "real_exits_issue_a_directive": "DELETE FROM exit_directives",
    "shares_are_those_of_the_real_fill": "UPDATE exit_directives SET closing_legs = '[]'",
    "shadows_exit_with_the_real_trade": f"UPDATE trade_fills SET time = now() WHERE {SYNCHRONISED}",
    "shadows_trade_at_the_touch": f"UPDATE trade_fills SET legs = {BETTER} WHERE {SYNCHRONISED}",
    "shadows_pay_the_schedule": "UPDATE trade_fills SET scheduled_fees = 1.30",
    "exits_have_an_outcome": "DELETE FROM shadow_outcomes",
    "outcomes_are_the_sum_of_their_fills": "UPDATE real_outcomes SET pnl = pnl + 0.01",
    "own_exits_are_of_shadows": "UPDATE own_exits SET pnl = pnl + 0.01",
    "amendments_revise_their_trade": "UPDATE real_trades SET revision = 2",
    "report_sums_are_those_of_the_trades": "DELETE FROM report_marks",
    "months_of_the_report_are_their_days": "INSERT INTO report_months (day, kind, engine, currency, n, active_days,"
    " squared_days) VALUES ('2026-03-01', 'real', 'A', 'USD', 1, 1, 0)",
    "signals_wait_in_one_place": "UPDATE signals SET status = 'PENDING'",
    "no_signal_waits": "UPDATE signals SET status = 'PENDING'",
    "no_batch_is_claimed": BATCH,
    "both_engines_answered": "DELETE FROM recommendations WHERE engine = 'A'",
    "openings_were_traded": "DELETE FROM shadow_trades",
    "nothing_is_pending": "UPDATE exit_directives SET state = 'PENDING'",
    "pairs_are_fair": VIOLATION,
    "decided_signals_have_an_experiment": "DELETE FROM experiments",
    "nothing_is_left_over": "UPDATE market_contexts SET signal_id = gen_random_uuid()",
    "engines_are_a_or_b": "UPDATE signal_distributions SET engine = 'C' WHERE engine = 'B'",
    "a_decision_clears_failed_attempts": "UPDATE signals SET last_error = 'boom'",
    "a_signal_came_with_one_delivery": DELIVERY,
    "policy_versions_follow_each_other": "UPDATE policy_versions SET version = version + 1000",
    "policy_hashes_follow_from_their_settings": "UPDATE policy_versions SET permit_ttl_seconds = 301",
    "decisions_replay": "UPDATE experiments SET bucket = (bucket + 1) % 10000",
    "archives_replay": ARCHIVE,
    "every_month_has_its_partition": "INSERT INTO quotes (instrument, bid, ask, quote_time, source, received_at)"
    " VALUES ('SPY', 1, 2, '2999-01-01Z', 'feeder', now())",
}
# The right sums of somebody else's trade.
ANOTHER_WINNER = """
DELETE FROM report_marks;
INSERT INTO report_cells (day, kind, engine, currency, n, total, ranked_experiments)
SELECT (exit_time AT TIME ZONE 'America/New_York')::date, 'real', engine, currency, count(pnl), sum(pnl),
       array_agg(gen_random_uuid()) FROM latest_real_outcomes GROUP BY 1, 2, 3, 4
"""
# Invariants that say more than one thing: the others of them.
MORE_SABOTAGE = [
    ("report_sums_are_those_of_the_trades", ANOTHER_WINNER),
    ("blocks_follow_each_other", "UPDATE evaluation_blocks SET n = 2"),
    ("blocks_follow_each_other", "UPDATE evaluation_blocks SET experiment_ids = '{}', n = 0 WHERE revision = 2"),
    ("blocks_follow_each_other", "UPDATE evaluation_blocks SET number = 2 WHERE revision = 2"),
    ("blocks_follow_each_other", "UPDATE evaluation_blocks SET judged_at = '2000-01-01Z' WHERE revision = 2"),
    ("permits_are_those_revealed", "DELETE FROM permits"),
    ("permits_are_those_revealed", "UPDATE permits SET confirmed_at = NULL"),
    ("permits_are_those_revealed", "UPDATE recommendations SET permit_expires_at = NULL"),
    ("trades_follow_an_opening", "UPDATE recommendations SET action = 'DECLINE' WHERE engine = 'A'"),
    ("shadows_open_their_plan", "DELETE FROM trade_fills WHERE number = 1"),
    ("closed_trades_are_flat", "UPDATE shadow_trades SET status = 'OPENING'"),
    ("real_exits_issue_a_directive", "UPDATE exit_directives SET is_last = false"),
    ("shares_are_those_of_the_real_fill", "UPDATE exit_directives SET is_last = false, open_quantity = 3"),
    ("shadows_exit_with_the_real_trade", f"DELETE FROM trade_fills WHERE {SYNCHRONISED}"),
    ("shadows_exit_with_the_real_trade", f"UPDATE trade_fills SET conditions_hash = '' WHERE {SYNCHRONISED}"),
    ("shadows_exit_with_the_real_trade", "UPDATE exit_directives SET state = 'NO_SHADOW'"),
    ("shadows_trade_at_the_touch", "UPDATE trade_fills SET time = time - interval '1 second'"),
    ("shadows_trade_at_the_touch", f"UPDATE trade_fills SET legs = {NEUTRAL} WHERE {SYNCHRONISED}"),
    ("shadows_pay_the_schedule", "UPDATE trade_fills SET fees = -1 WHERE shadow_trade_id IS NOT NULL"),
    ("exits_have_an_outcome", """UPDATE shadow_trades SET flags = '["AFTER_REAL_EXIT"]'"""),
    ("outcomes_are_the_sum_of_their_fills", "UPDATE real_outcomes SET compared_pnl = compared_pnl + 0.01"),
    ("outcomes_are_the_sum_of_their_fills", "UPDATE shadow_outcomes SET fees = 1, pnl = pnl - 1"),
    ("amendments_revise_their_trade", "UPDATE real_outcomes SET revision = 3"),
    ("amendments_revise_their_trade", "UPDATE trade_fills SET revision = 3 WHERE number = 2"),
    ("own_exits_are_of_shadows", "UPDATE own_exits SET trade_id = gen_random_uuid()"),
    ("signals_wait_in_one_place", "INSERT INTO waiting_signals SELECT false, received_at, signal_id FROM signals"),
    ("signals_wait_in_one_place", CLAIMED_TWICE),
    ("nothing_is_pending", "UPDATE own_exits SET state = 'PENDING'"),
]


@pytest.fixture
def finished_flow() -> None:
    """A signal whose trades were closed, the shadow by its own rules, too; a policy nobody pinned; a source."""
    desk = make_desk()
    real_id, shadow_id = desk.open_real(), desk.open_shadow()
    desk.a.close(real_id, market_conditions={"quotes": {C72_5_JULY: quote()}})
    own_exit = {"exit_price": "1.31", "market_conditions": {"quotes": {C72_5_JULY: quote()}}}
    assert desk.b.close(shadow_id, **own_exit).status == 202
    make_policy()
    make_source()
    judge_a_block(desk.experiment)


def judge_a_block(experiment: Experiment) -> None:
    """A running evaluation with the experiment in its first block, judged and revised."""
    make_available("A", "B")
    run = started(clock="WALL", starts_at=None)
    for revision in (1, 2):
        EvaluationBlock.objects.create(
            evaluation=run.evaluation, number=1, revision=revision, first_day=run.starts_on, last_day=run.starts_on,
            n=1, arrived=1, x_low=0, x_high=0, m=1, opened_a=1, opened_b=1, missing_a=0, missing_b=0, counts={},
            signals=[], sums={}, slices=[],
            records={}, experiment_ids=[experiment.pk], judgement={} if revision == 1 else None,
            judged_at=run.started_at,
        )  # fmt: skip


def drop_check_constraints() -> None:
    """Let any value into any column of this test's database."""
    execute("SET CONSTRAINTS ALL IMMEDIATE")  # ALTER TABLE refuses while checks are pending
    execute(
        "DO $$ DECLARE one record; BEGIN FOR one IN SELECT conrelid::regclass AS owner, conname FROM pg_constraint "
        "WHERE contype = 'c' AND coninhcount = 0 AND connamespace = 'public'::regnamespace LOOP "
        "EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', one.owner, one.conname); END LOOP; END $$"
    )


def violated(findings: Any) -> set[str]:
    return {finding.invariant.name for finding in findings if finding.rows}


@pytest.mark.usefixtures("finished_flow")
def test_an_honest_flow_violates_nothing() -> None:
    assert violated(verify("traded")) == set()


def test_thirds_of_a_shadow_add_up_to_all_of_it() -> None:
    seven = {"quantity": "7"}
    desk = make_desk(plan_a=plan(quantity="3"), plan_b=plan(leg(C72_5_JULY), **seven))
    real_id, shadow_id = desk.open_real(quantity="3"), desk.open_shadow(**seven)
    conditions = {"quotes": {C72_5_JULY: quote()}}
    for ref in ("first", "second"):
        part = {"instrument": C70, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": "1.50"}
        body = {"fill_ref": ref, "time": EXIT_TIME, "legs": [part], "market_conditions": conditions}
        assert desk.a.post(f"trades/{real_id}/fills", body).status == 201
    assert desk.a.close(real_id, market_conditions=conditions).status == 200

    shadow = desk.b.get(f"trades/{shadow_id}").body
    assert [fill["legs"][0]["quantity"] for fill in shadow["fills"]] == ["7", "2.33333333", "2.33333334", "2.33333333"]
    assert shadow["status"] == "CLOSED"
    assert violated(verify("traded")) == set()


def test_a_shadow_whose_contract_ends_worthless_before_the_real_exit_violates_nothing() -> None:
    desk = make_desk(timeframe="1M", plan_b=plan(leg(C70)))
    real_id, shadow_id = desk.open_real(), desk.open_shadow(legs=[leg(C70)])
    expired = {"price": "0", "kind": "EXPIRED", "settled_at": "2014-06-21T20:00:00Z"}

    answer = desk.b.close(
        shadow_id,
        exit_time="2014-06-21T20:00:00Z",
        exit_price="0",
        exit_reason="EXPIRED",
        market_conditions={"settlements": {C70: expired}},
    )

    assert (answer.status, answer.body["status"]) == (200, "CLOSED"), answer.body
    assert violated(verify("")) == set()
    assert desk.a.close(real_id, exit_time="2014-06-23T14:00:00Z").status == 200
    assert violated(verify("traded")) == set()


def test_a_shadow_that_opens_after_the_real_exit_has_no_outcome_and_violates_nothing() -> None:
    desk = make_desk()
    desk.a.close(desk.open_real(), exit_time=ENTRY_TIME)
    entered = "2014-06-05T17:00:00.000000Z"
    late = [leg(C72_5_JULY, entry_price="0.98")]
    shadow_id = desk.open_shadow(legs=late, entry_time=entered, entry_quotes={C72_5_JULY: touched(late[0], entered)})

    answer = desk.b.close(shadow_id, exit_price="1.31", market_conditions={"quotes": {C72_5_JULY: quote()}})

    assert answer.body["status"] == "CLOSED", answer.body
    assert "AFTER_REAL_EXIT" in answer.body["flags"]
    assert not ShadowOutcome.objects.exists()
    assert violated(verify("traded")) == set()


@pytest.mark.usefixtures("finished_flow")
@pytest.mark.parametrize(("name", "statement"), [*SABOTAGE.items(), *MORE_SABOTAGE])
def test_each_invariant_names_the_rows_that_violate_it(name: str, statement: str) -> None:
    (invariant,) = (one for one in INVARIANTS if one.name == name)
    drop_check_constraints()

    with without_triggers():
        assert execute(statement) > 0

    rows = list(invariant.violations())
    assert rows


def test_every_invariant_is_shown_to_notice_something() -> None:
    assert [invariant.name for invariant in INVARIANTS if invariant.name not in SABOTAGE] == []


def test_there_is_one_list_of_invariants() -> None:
    files = [path for path in settings.BASE_DIR.glob("[!.]*/**/*.sql") if MARK in path.read_text()]
    stated = [
        line.removeprefix(MARK) for path in files for line in path.read_text().splitlines() if line.startswith(MARK)
    ]

    functions = {"policy_hashes_follow_from_their_settings", "decisions_replay", "archives_replay"}
    assert sorted(stated) == sorted({invariant.name for invariant in INVARIANTS} - functions)


def test_what_holds_only_in_the_end_is_not_asked_before() -> None:
    make_signal()

    assert violated(verify("")) == set()
    assert violated(verify("decided")) == {"no_signal_waits"}


def test_a_source_narrows_what_holds_only_in_the_end() -> None:
    signal = make_signal()

    assert violated(verify("decided", source="another")) == set()
    assert violated(verify("decided", source=signal.source)) == {"no_signal_waits"}


def test_the_command_says_that_all_is_well() -> None:
    output = StringIO()

    call_command("verify", stdout=output)

    first, *_, last = output.getvalue().splitlines()
    assert first.startswith("ok      A decided signal has exactly one context")
    assert last == f"{sum(not one.once for one in INVARIANTS)} invariants checked, 0 violated."


def test_the_command_names_what_is_violated_with_its_rows_and_exits_1() -> None:
    signal = make_signal()
    output = StringIO()

    with pytest.raises(SystemExit) as ended:
        call_command("verify", "--once", "decided", stdout=output)

    assert ended.value.code == 1
    lines = output.getvalue().splitlines()
    place = lines.index("FAILED  no_signal_waits: Every signal is decided, unless an operator discarded it.")
    assert lines[place + 1].strip() == f"signal_id={signal.pk}, status=PENDING, attempts=0, last_error="


@pytest.mark.usefixtures("finished_flow")
def test_a_long_check_shows_what_it_is_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator_site.management.commands.verify.QUIET_SECONDS", 0.0)
    monkeypatch.setattr("kernel.progress.PLAIN_LINE_SECONDS", 0.0)
    output, progress = StringIO(), StringIO()

    call_command("verify", stdout=output, stderr=progress)

    lines = progress.getvalue().splitlines()
    assert lines[0] == "Checking signals_are_decided_once ..."
    assert lines[-1] == "[##############################] 1 of 1 experiments replayed"


def test_the_command_answers_in_json() -> None:
    signal = make_signal()
    output = StringIO()

    with pytest.raises(SystemExit):
        call_command("verify", "--once", "decided", "--json", stdout=output)

    (violation,) = json.loads(output.getvalue())["violations"]
    assert violation["name"] == "no_signal_waits"
    assert violation["rows"] == [{"signal_id": str(signal.pk), "status": "PENDING", "attempts": 0, "last_error": ""}]
    assert value("SELECT count(*) FROM replay_runs") == 1


def test_a_finding_shows_its_first_rows_and_counts_the_others() -> None:
    invariant = INVARIANTS[0]
    rows = tuple({"signal_id": number} for number in range(5))

    assert Finding(invariant, ()).lines() == [f"ok      {invariant.says}"]
    assert Finding(invariant, rows).lines(2) == [
        f"FAILED  {invariant.name}: {invariant.says}",
        "        signal_id=0",
        "        signal_id=1",
        "        and 3 more",
    ]


def test_a_file_of_invariants_is_read_with_their_stages(tmp_path: Any) -> None:
    (tmp_path / "some.sql").write_text(
        "-- A file.\n\n-- invariant: one\n-- First\n-- line.\nSELECT 1;\n\n-- invariant: two\n-- once: traded\n"
        "-- Second.\nSELECT 2\n WHERE false;\n"
    )

    one, two = read_invariants(str(tmp_path / "module.py"), "some.sql")

    assert (one.name, one.says, one.find, one.once) == ("one", "First line.", "SELECT 1", "")
    assert (two.name, two.says, two.find, two.once) == ("two", "Second.", "SELECT 2\n WHERE false", "traded")
    assert not Signal.objects.exists()
