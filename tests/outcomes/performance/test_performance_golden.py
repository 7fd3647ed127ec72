"""The figures of the database: known answers, and a plain reference in exact fractions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from itertools import accumulate
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from psycopg.sql import SQL

from outcomes.performance import report
from outcomes.performance.figures import FIGURES, NO_OUTCOME, Figure, Kind, present
from outcomes.performance.pairs import CONFOUNDED, EXPLORATORY, PAIR_FIGURES, pair_row
from outcomes.performance.report import curve_of, drawdowns_of, figures_of
from outcomes.performance.scope import both, curves, measured
from tests.golden import GOLDEN_FOLDER
from tests.outcomes.performance.reference_figures import reference_figures

GOLDEN: dict[str, Any] = json.loads((GOLDEN_FOLDER / "metrics.json").read_text())
STATISTICS: dict[str, Any] = json.loads((GOLDEN_FOLDER / "statistics.json").read_text())
NO_ANSWERS = {"both": 0, "a_only": 0, "b_only": 0, "neither": 0}
pytestmark = pytest.mark.django_db

# In the shape of results.sql.
GIVEN_TRADES = SQL("""
SELECT kind, 'A' AS engine, 'USD' AS currency, exit_time, id, pnl::numeric(60, 14) AS pnl,
       pnl::numeric(60, 14) / 1000 AS r, 1000::numeric AS risk_amount, 'BROKER_FILL' AS price_provenance,
       false AS unpriced, false AS violating, false AS left_out, false AS amended,
       NULL::numeric AS a_pnl, NULL::numeric AS a_r, NULL::numeric AS fees
  FROM unnest(%(kinds)s::text[], %(times)s::timestamptz[], %(ids)s::integer[], %(amounts)s::text[])
    AS given (kind, exit_time, id, pnl)""")
GIVEN_PAIRS = SQL("""
SELECT kind, engine, 'USD' AS currency, '2024-03-04T20:00:00Z'::timestamptz AS exit_time, 1 AS id,
       d::numeric(60, 14) AS pnl, d::numeric(60, 14) / 1000 AS r, NULL::numeric AS risk_amount, '' AS price_provenance,
       false AS unpriced, false AS violating, false AS left_out, false AS amended,
       NULL::numeric AS a_pnl, NULL::numeric AS a_r, NULL::numeric AS fees
  FROM unnest(%(labels)s::text[], %(engines)s::text[], %(amounts)s::text[]) AS given (kind, engine, d)""")


def figures(trades: list[tuple[str, Any, int, str | None]]) -> dict[str, dict[str, Any]]:
    """Run the report's own statements over (kind, exit time, id, pnl)."""
    given = columns(trades)
    drawdowns = {row["kind"]: row for row in drawdowns_of(curves(GIVEN_TRADES), given)}
    return {row["kind"]: row | drawdowns[row["kind"]] for row in figures_of(measured(GIVEN_TRADES), given)}


def columns(trades: list[tuple[str, Any, int, str | None]]) -> dict[str, list[Any]]:
    lists = [list(column) for column in zip(*trades, strict=True)] or [[], [], [], []]
    return dict(zip(("kinds", "times", "ids", "amounts"), lists, strict=True))


def pair_sums(pairs: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Run the report's own statement over (kind, engine that traded for real, A minus B)."""
    lists = [list(column) for column in zip(*pairs, strict=True)] or [[], [], []]
    given = dict(zip(("labels", "engines", "amounts"), lists, strict=True))
    return {(row["kind"], row["engine"]): row for row in figures_of(measured(GIVEN_PAIRS), given)}


def shown_pairs(pairs: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    return present(PAIR_FIGURES, pair_row(pair_sums(pairs), [], NO_ANSWERS))


def close(value: Any, expected: Any) -> bool:
    """Tell whether both are undefined, or equal to 12 significant digits."""
    if value is None or expected is None:
        return value is None and expected is None
    difference = abs(Decimal(value) - Decimal(str(expected)))
    return difference <= abs(Decimal(str(expected))) * Decimal("1e-12")


@pytest.fixture(scope="module")
def golden_rows(django_db_setup: None, django_db_blocker: Any) -> dict[str, dict[str, Any]]:
    trades = [(case["name"], ts, seq, pnl) for case in GOLDEN["trades"] for ts, seq, pnl in case["trades"]]
    with django_db_blocker.unblock():
        return figures(trades)


NO_TRADES, WITH_TRADES = (
    [case for case in GOLDEN["trades"] if bool(case["trades"]) == wanted] for wanted in (False, True)
)


@pytest.mark.parametrize("case", NO_TRADES, ids=lambda case: case["name"])
def test_without_trades_there_is_no_row_and_every_count_is_zero(
    case: dict[str, Any], golden_rows: dict[str, dict[str, Any]]
) -> None:
    assert case["name"] not in golden_rows
    assert present(FIGURES, NO_OUTCOME)["n"] == case["expected"]["n"]


@pytest.mark.parametrize("case", WITH_TRADES, ids=lambda case: case["name"])
def test_the_database_gives_the_known_answers(case: dict[str, Any], golden_rows: dict[str, dict[str, Any]]) -> None:
    row = golden_rows[case["name"]]
    expected = dict(case["expected"])
    psr = expected.pop("psr")

    assert {name for name, value in expected.items() if not close(row[name], value)} == set()
    shape = ("skew", "kurtosis", "variance_term", "min_track_record_length")
    wrong = {name for name in shape if psr is not None and not close(row[name], psr[name])}
    # The known moments were computed in floating point: exact zeros show as such here.
    assert {name for name in wrong if abs(Decimal(str(psr[name])) - row[name]) > Decimal("1e-12")} == set()
    shown = present(FIGURES, {**NO_OUTCOME, **row})["psr"]
    assert (shown is None) == (psr is None)
    assert psr is None or float(shown) == pytest.approx(psr["psr"], rel=1e-12)


AMOUNTS = st.one_of(
    st.decimals(-1000, 1000, places=2),
    st.decimals(Decimal("-1e12"), Decimal("1e12"), places=8),
    st.sampled_from([Decimal("0.00"), Decimal("50.00"), Decimal("-50.00"), Decimal("0.00000001")]),
)
FRIDAY = datetime(2024, 3, 8, tzinfo=UTC)  # The clocks of New York change on the Sunday.
EXITS = st.one_of(st.integers(0, 4 * 24 * 60).map(lambda minutes: FRIDAY + timedelta(minutes=minutes)), st.just(FRIDAY))


@given(trades=st.lists(st.tuples(EXITS, AMOUNTS), max_size=30))
def test_the_database_agrees_with_exact_fractions(trades: list[tuple[datetime, Decimal]]) -> None:
    given_trades = [(moment.isoformat(), number, pnl) for number, (moment, pnl) in enumerate(trades)]
    expected = reference_figures(given_trades)

    row = figures([("real", moment, number, str(pnl)) for moment, number, pnl in given_trades]).get("real", {})

    wrong = {name: (row[name], value) for name, value in expected.items() if not agrees(row[name], value)}
    assert bool(row) == bool(trades)
    assert wrong == {}


def agrees(value: Any, expected: Any) -> bool:
    """Tell whether both are undefined, or equal to 12 digits; what cancels out to nothing may differ by 1e-12."""
    if value is None or expected is None:
        return value is None and expected is None
    exact = Context(prec=60).create_decimal(str(expected))
    return abs(Decimal(value) - exact) <= max(abs(exact) * Decimal("1e-12"), Decimal("1e-24"))


def test_without_trades_the_statement_has_no_row() -> None:
    assert figures([]) == {}


def test_new_york_decides_the_day_not_utc() -> None:
    # 23:30 in New York on the 4th, 00:30 on the 5th; both the 5th in UTC.
    row = figures([("real", "2024-03-05T04:30:00Z", 1, "10"), ("real", "2024-03-05T05:30:00Z", 2, "-5")])["real"]

    assert row["active_days"] == 2


@pytest.mark.parametrize("case", GOLDEN["paired"], ids=lambda case: case["name"])
def test_pairs_give_the_known_answers_and_no_verdict(case: dict[str, Any]) -> None:
    differences = [str(Decimal(a) - Decimal(b)) for a, b in zip(case["a"], case["b"], strict=True)]
    expected = case["expected"]

    shown = shown_pairs([("paired", "A", d) for d in differences])

    assert [shown[name] for name in ("n", "a_better", "b_better", "tied")] == [
        expected[name] for name in ("n", "a_better", "b_better", "tied")
    ]
    assert close(shown["mean_difference"], expected["mean_difference"])
    assert close(shown["sd"], expected["sd"])
    assert shown["nature"] == EXPLORATORY
    assert [name for name in shown if "verdict" in name] == []


def test_differences_are_distributed_by_their_size_in_r() -> None:
    # Of 1,000 at risk: an edge belongs to the bin above it.
    amounts = ("-3000", "-2000", "-100", "-99", "0", "99", "100", "2000", "5000")

    shown = shown_pairs([("paired", "B", d) for d in amounts])

    assert [(each["at_least"], each["below"], each["n"]) for each in shown["distribution"]] == [
        (None, "-2", 1), ("-2", "-1", 1), ("-1", "-0.5", 0), ("-0.5", "-0.1", 0), ("-0.1", "0", 2), ("0", "0.1", 2),
        ("0.1", "0.5", 1), ("0.5", "1", 0), ("1", "2", 0), ("2", None, 2),
    ]  # fmt: skip


def test_roles_of_the_database_give_the_known_balanced_estimate() -> None:
    golden = STATISTICS["role_balanced"]
    pairs = [("paired", real, str(d)) for real, d in zip(golden["real_engine"], golden["d"], strict=True)]

    shown = shown_pairs(pairs)

    estimate = shown["role_balanced"]
    assert (estimate["engine_effect"], estimate["real_execution_effect"]) == ("0.05", "0.30")
    assert float(estimate["standard_error"]) == pytest.approx(golden["standard_error"], rel=1e-6)
    reach = 1.959963984540054 * golden["standard_error"]
    assert [float(bound) for bound in estimate["engine_effect_interval"]] == pytest.approx(
        [0.05 - reach, 0.05 + reach], rel=1e-6
    )
    assert [float(bound) for bound in estimate["real_execution_effect_interval"]] == pytest.approx(
        [0.30 - reach, 0.30 + reach], rel=1e-6
    )


def test_with_one_role_alone_skill_and_the_cost_of_being_real_cannot_be_told_apart() -> None:
    shown = shown_pairs([("paired", "A", "2.00"), ("paired", "A", "4.00")])

    assert (shown["role_balanced"], shown["undefined"]["role_balanced"]) == (None, CONFOUNDED)


def test_a_long_curve_is_thinned_out_without_losing_its_peak_its_trough_or_its_end() -> None:
    amounts = ["1" if number % 3 else "-1.5" for number in range(2000)]
    amounts[700:702] = ["5000", "-9000"]

    points = curve_of(GIVEN_TRADES, columns([("real", FRIDAY, n, pnl) for n, pnl in enumerate(amounts)]))

    whole = list(accumulate(Decimal(pnl) for pnl in amounts))
    shown = [point["equity"] for point in points]
    assert 300 <= len(shown) <= 500
    assert (max(shown), min(shown), shown[-1]) == (max(whole), min(whole), whole[-1])


@pytest.mark.parametrize("n", [1, 498, 499])
def test_a_short_curve_is_whole(n: int) -> None:
    points = curve_of(GIVEN_TRADES, columns([("real", FRIDAY, number, "1") for number in range(n)]))

    assert points[-1]["equity"] == n
    assert len(points) == n if n <= 498 else len(points) <= 500


def test_figures_and_pairs_never_pass_through_floating_point() -> None:
    row = figures([("real", "2024-03-05T04:30:00Z", number, "0.1") for number in range(10)])["real"]

    assert row["total_pnl"] == 1
    assert row["sharpe_per_trade"] is None
    assert connection.vendor == "postgresql"


def test_one_row_of_the_table_adds_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    added = Figure("one_more", "One more", Kind.MONEY, "profit less loss, squared", sql="gross_profit - gross_loss")
    monkeypatch.setattr(report, "FIGURES", (*FIGURES, added))
    moment = datetime(2026, 3, 16, 15, tzinfo=UTC)

    row = figures([("trades", moment, 1, "10"), ("trades", moment, 2, "30"), ("trades", moment, 3, "-50")])["trades"]

    assert (row["one_more"], row["wins"], row["losses"]) == (Decimal(-10), 2, 1)


@given(days=st.lists(st.lists(st.tuples(EXITS, AMOUNTS), max_size=12), min_size=1, max_size=3))
def test_sums_of_parts_add_up_to_the_sums_of_the_whole(days: list[list[tuple[datetime, Decimal]]]) -> None:
    trades = [(moment, number, str(pnl)) for number, (moment, pnl) in enumerate(trade for day in days for trade in day)]
    whole = columns([("real", *trade) for trade in trades])
    # The same trades, but added up in as many parts as they have parities.
    parts = both(
        measured(SQL("SELECT * FROM ({}) g WHERE id %% 2 = 0").format(GIVEN_TRADES)),
        measured(SQL("SELECT * FROM ({}) g WHERE id %% 2 = 1").format(GIVEN_TRADES)),
    )

    assert figures_of(parts, whole) == figures_of(measured(GIVEN_TRADES), whole)
