"""`python -m benchmarks.evaluation_speed`: the page of an evaluation over a million outcomes.

Fills the (empty, throw-away) database of DATABASE_URL, or one of its own, as `benchmarks.report_speed` does, under a
policy that splits capital, copies its chains by SQL until they are a million outcomes, and lays an evaluation in blocks
of a week over them. Each judged block has the sums of its signals; the last week is not over.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import django

from benchmarks import database
from benchmarks.report import say
from benchmarks.report_speed import fill, median_seconds

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
RESULTS = Path(__file__).with_name("RESULTS.md")
BEGIN, END = "<!-- evaluation -->", "<!-- end of evaluation -->"
NAME = "million"
BOUND = 0.3  # seconds
ORIGINALS = 2_000  # chains by the real pipeline, before they are copied
COPIED = ("signals", "experiments", "execution_policy", "real_outcomes", "shadow_outcomes")
KEYS = ("signal_id", "experiment_id", "trade_id")

# The signals of each week: how many, and the sum of A minus B in R, by symbol and by who was real.
WEEKS = """
SELECT ((s.received_at AT TIME ZONE 'America/New_York')::date - %(first)s) / 7 AS week, s.symbol, e.variant, count(*),
       sum((a.compared_pnl - b.compared_pnl) / 1000)::float8, array_agg(e.experiment_id)
  FROM experiments e JOIN signals s USING (signal_id)
  JOIN (SELECT * FROM real_outcomes UNION ALL SELECT * FROM shadow_outcomes) a USING (experiment_id)
  JOIN (SELECT * FROM real_outcomes UNION ALL SELECT * FROM shadow_outcomes) b USING (experiment_id)
 WHERE a.engine = 'A' AND b.engine = 'B' AND s.received_at <= now()
 GROUP BY 1, 2, 3 ORDER BY 1
"""


def split_capital() -> None:
    """Put a policy in force under which signals are compared."""
    from dataclasses import replace

    from django.core.management import call_command

    from kernel.actors import Actor
    from policies.selectors import policy_in_force
    from policies.services import create_policy_version, ensure_first_version

    call_command("migrate", verbosity=0)
    ensure_first_version()
    policy = policy_in_force()
    split = replace(policy.content, configured_mode="SPLIT_CAPITAL", split_percentage=Decimal(50))
    create_policy_version(Actor("benchmark"), split, base_version=policy.version, note="A benchmark.")


def multiply(times: int) -> None:
    """Copy every chain until there are so many of each, one after the other in time."""
    from django.db import connection

    apart = timedelta(minutes=7 * ORIGINALS)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0; SET session_replication_role = replica")
        for table in COPIED:
            # Hashes and the like are those of the originals.
            cursor.execute(
                "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'", (table,)
            )
            for (name,) in cursor.fetchall():
                cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name} CASCADE")
            cursor.execute(
                "SELECT attname, atttypid::regtype::text FROM pg_attribute WHERE attrelid = %s::regclass"
                " AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity = ''",
                (table,),
            )
            columns = dict(cursor.fetchall())
            copied = {
                name: f"md5({name}::text || copy)::uuid" if name in KEYS
                else f"{name} + copy * %(apart)s::interval" if kind == "timestamp with time zone"
                else name
                for name, kind in columns.items()
            }  # fmt: skip
            cursor.execute(
                f"INSERT INTO {table} ({', '.join(copied)}) SELECT {', '.join(copied.values())}"
                f" FROM {table} CROSS JOIN generate_series(1, %(last)s) copy",
                {"apart": str(apart), "last": times - 1},
            )
            say(f"{table} copied")
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM ANALYZE")


def evaluate(start: datetime) -> None:
    """Lay an evaluation over all signals; a block for each week that is over, with what judging it stores."""
    from django.db import connection, transaction

    from outcomes.core.evaluation import read_plan
    from outcomes.models import Evaluation, EvaluationApproval, EvaluationRun
    from policies.selectors import policy_in_force

    plan = read_plan(
        {
            "name": NAME,
            "note": "A benchmark.",
            "clock": "WALL",
            "metric": "R",
            "estimand": "SYNCHRONISED",
            "prices": "ENGINES",
            "block_days": 7,
            "max_hold_days": 0,
            "worst_block": "9",
            "horizon_blocks": 1_000,
            "slices": ["symbol=SPY", "direction=LONG"],
            "reason": "A benchmark.",
        }
    )
    columns = {name: getattr(plan, name) for name in plan.__slots__} | {"slices": list(plan.slices)}
    first = start.date() - timedelta(days=start.weekday())
    with transaction.atomic(), connection.cursor() as cursor:
        told: dict[str, Any] = {"content_hash": plan.content_hash()}
        evaluation = Evaluation.objects.create(**columns, **told, created_by="ann", author="name ann", created_at=start)
        EvaluationApproval.objects.create(
            evaluation=evaluation, **told, approved_by="bob", approver="name bob", approved_at=start
        )
        run = EvaluationRun.objects.create(
            evaluation=evaluation, attempt=1, policy_version=policy_in_force(), rules_hash_a="a" * 64,
            rules_hash_b="a" * 64, history_blocks=0, started_by="ann", started_at=start,
            begins_at=start - timedelta(days=7), starts_on=first,
        )  # fmt: skip
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(WEEKS, {"first": first})
        weeks: dict[int, list[Any]] = {}
        for week, *found in cursor.fetchall():
            weeks.setdefault(week, []).append(found)
        # The last one is not over yet.
        for week in sorted(weeks)[:-1]:
            _store(run, week, weeks[week])
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _store(run: Any, week: int, found: list[Any]) -> None:
    """A judged block of these groups of signals."""
    from outcomes.core.block_file import judgement_document
    from outcomes.core.evaluation import block_ends_at
    from outcomes.core.evidence import Block
    from outcomes.core.judging import JudgedBlock
    from outcomes.evaluations.judging import WHOLE, block_of_row, blocks_before, judged, slices_of
    from outcomes.models import EvaluationBlock, EvaluationExits

    plan = run.evaluation.plan
    first_day, last_day = plan.cut(run.starts_on).days(week)

    def block(groups: list[Any]) -> JudgedBlock:
        n, total = sum(group[2] for group in groups), sum(group[3] for group in groups)
        sums = Block(total / n**0.5, total / n**0.5, n**0.5)
        return JudgedBlock(first_day, last_day, n, n, sums, opened=(n, n), missing=(0, 0))

    whole, spy = block(found), block([group for group in found if group[0] == "SPY"])
    earlier = blocks_before(run.pk, 1_000_000)
    sliced = [
        {
            "n": one.n,
            "arrived": one.arrived,
            "x_low": repr(one.block.low),
            "x_high": repr(one.block.high),
            "m": repr(one.block.m),
            "opened": list(one.opened),
            "missing": list(one.missing),
        }
        for one in (spy, whole)
    ]
    judgement = judged((run.pk, WHOLE), [*map(block_of_row, earlier), whole], plan.wager)
    before = slices_of(earlier) if earlier else [[], []]
    slices = [
        judgement_document(judged((run.pk, position), [*blocks, one], plan.slice_wager))
        for position, (blocks, one) in enumerate(zip(before, (spy, whole), strict=True))
    ]
    groups = {
        role: [
            sum(group[2] for group in found if group[1] == role),
            sum(group[3] for group in found if group[1] == role),
        ]
        for role in "AB"
    }
    sums = {
        "a_real": {"n": groups["A"][0], "sum": f"{groups['A'][1]:.6f}"},
        "b_real": {"n": groups["B"][0], "sum": f"{groups['B'][1]:.6f}"},
        "both_traded": {"n": whole.n, "sum": f"{groups['A'][1] + groups['B'][1]:.6f}"},
    }
    EvaluationBlock.objects.create(
        evaluation=run.evaluation, number=len(earlier) + 1, first_day=whole.first_day, last_day=whole.last_day,
        n=whole.n, arrived=whole.n, x_low=whole.block.low, x_high=whole.block.high, m=whole.block.m,
        opened_a=whole.n, opened_b=whole.n, missing_a=0, missing_b=0, signals=[], records={}, sums=sums, slices=sliced,
        counts={"a": {"VALUED": whole.n}, "b": {"VALUED": whole.n}, "not_compared": 0, "over_max_signals": 0,
                "hold_exceeded": 0},
        experiment_ids=[pk for group in found for pk in group[4]], assigned_a=groups["A"][0],
        assigned_b=groups["B"][0], judgement=judgement_document(judgement) | {"slices": slices},
        judged_at=block_ends_at(whole.last_day) + timedelta(hours=2),
    )  # fmt: skip
    exits = {"n": whole.n, "weights": str(whole.n), "judged": sums["both_traded"]["sum"], "other": "0"}
    EvaluationExits.objects.create(evaluation=run.evaluation, number=len(earlier) + 1, sums=exits)


def measure() -> list[str]:
    """The lines of the table: document, page, and what the worker does every time."""
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client
    from django.urls import reverse

    from outcomes.evaluations.documents import evaluation_document
    from outcomes.evaluations.judging import judge_due
    from outcomes.evaluations.lifecycle import evaluation_named

    user, _ = get_user_model().objects.get_or_create(username="root", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user)
    page = reverse("admin:outcomes_evaluation_verdict", args=(NAME,))
    assert client.get(page).status_code == 200
    asked = {
        "`GET evaluations/{name}`": lambda: evaluation_document(evaluation_named(NAME)),
        "its page": lambda: client.get(page),
    }
    lines = []
    for name, action in asked.items():
        taken = median_seconds(action, times=15)
        verdict = "met" if taken <= BOUND else "missed"
        lines.append(f"| {name} | {taken:.3f} s | {_busy(action):.3f} s | at most {BOUND} s | {verdict} |")
    looked = median_seconds(judge_due)
    lines.append(f"| the worker's look whether a block can be judged | {looked:.3f} s | {_busy(judge_due):.3f} s | | |")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), sum(n) FROM evaluation_blocks")
        blocks, signals = cursor.fetchone()
    return [f"{blocks:,} judged blocks of {signals:,} signals, two slices, one block not over.", "", *lines]


def _busy(action: Callable[[], object]) -> float:
    """Seconds of the processor that this process takes for it; the rest is the database's, and waiting."""
    begun = time.process_time()
    action()
    return time.process_time() - begun


def main() -> None:
    """Fill the database unless it is filled, measure, print the table and keep it if told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=500_000, help="each has a real and a shadow outcome")
    parser.add_argument("--keep", action="store_true", help="put the table into benchmarks/RESULTS.md")
    options = parser.parse_args()
    if "DATABASE_URL" not in os.environ:
        os.environ["DATABASE_URL"] = database.prepare()
    django.setup()
    from django.db import connection

    from outcomes.models import Evaluation

    start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=7 * options.pairs)
    if "evaluations" not in connection.introspection.table_names():
        split_capital()
        fill(ORIGINALS, start)
        say("copies")
        multiply(options.pairs // ORIGINALS)
        say("judges")
    if not Evaluation.objects.exists():
        evaluate(start)
    lines = measure()
    with database.connect(os.environ["DATABASE_URL"]) as peer:
        postgresql = peer.info.parameter_status("server_version")
    today = time.strftime("%Y-%m-%d")
    where = f"{os.cpu_count()} cores, PostgreSQL {postgresql}, Python {platform.python_version()}, {today}"
    load = f"load average {os.getloadavg()[0]:.1f}"
    head, blank, *table = lines
    text = "\n".join(
        [
            f"{2 * options.pairs:,} outcomes, {head} {where}, {load}",
            blank,
            "| question | time | our processor time | bound | |",
        ]
    )
    text += "\n" + "\n".join(["|---|--:|--:|---|---|", *table])
    print(text)
    if options.keep:
        before, _, rest = RESULTS.read_text().partition(BEGIN)
        RESULTS.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
