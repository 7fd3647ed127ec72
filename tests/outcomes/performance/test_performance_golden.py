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
from outcomes.performance.pairs import CONFOUNDED, PAIR_FIGURES, pair_row
from outcomes.performance.report import curve_of, figures_of, pair_sums_of
from tests.golden import GOLDEN_FOLDER
from tests.outcomes.performance.reference_figures import reference_figures

GOLDEN: dict[str, Any] = json.loads((GOLDEN_FOLDER / "metrics.json").read_text())
STATISTICS: dict[str, Any] = json.loads((GOLDEN_FOLDER / "statistics.json").read_text())
NO_ANSWERS = {"both": 0, "a_only": 0, "b_only": 0, "neither": 0}
pytestmark = pytest.mark.django_db

GIVEN_TRADES = SQL("""
SELECT kind, 'A' AS engine, exit_time, id, pnl::numeric(60, 14) AS pnl, 'BROKER_FILL' AS price_provenance,
       1000::numeric AS risk_amount, false AS violating, false AS left_out
  FROM unnest(%(kinds)s::text[], %(times)s::timestamptz[], %(ids)s::integer[], %(amounts)s::text[])
    AS given (kind, exit_time, id, pnl)""")
GIVEN_PAIRS = SQL("""
SELECT label, real_engine, d::numeric(60, 14) AS d, false AS unpriced, false AS violating
  FROM unnest(%(labels)s::text[], %(engines)s::text[], %(amounts)s::text[]) AS given (label, real_engine, d)""")


def figures(trades: list[tuple[str, Any, int, str | None]]) -> dict[str, dict[str, Any]]:
    """Run the report's own statement over (kind, exit time, id, pnl)."""
    return {row["kind"]: row for row in figures_of(GIVEN_TRADES, columns(trades))}


def columns(trades: list[tuple[str, Any, int, str | None]]) -> dict[str, list[Any]]:
    lists = [list(column) for column in zip(*trades, strict=True)] or [[], [], [], []]
    return dict(zip(("kinds", "times", "ids", "amounts"), lists, strict=True))


def pair_sums(pairs: Sequence[tuple[str, str | None, str]]) -> dict[str, dict[str, Any]]:
    """Run the report's own statement over (label, engine that traded for real, A minus B)."""
    lists = [list(column) for column in zip(*pairs, strict=True)] or [[], [], []]
    return pair_sums_of(GIVEN_PAIRS, dict(zip(("labels", "engines", "amounts"), lists, strict=True)))


def shown_pairs(pairs: Sequence[tuple[str, str | None, str]]) -> dict[str, Any]:
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
def test_pairs_give_the_known_answers(case: dict[str, Any]) -> None:
    differences = [str(Decimal(a) - Decimal(b)) for a, b in zip(case["a"], case["b"], strict=True)]
    expected = case["expected"]

    shown = shown_pairs([("paired", "A", d) for d in differences])

    assert shown["n"] == expected["n"]
    signs = shown["sign_test"]
    assert [signs[name] for name in ("a_better", "b_better", "tied")] == [
        expected[name] for name in ("a_better", "b_better", "tied")
    ]
    assert close(signs["p"], expected["sign_test_p"])
    assert close(shown["mean_difference"], expected["mean_difference"])
    assert close(shown["sd"], expected["sd"])
    assert shown["verdict"] == "INCONCLUSIVE"


@pytest.mark.parametrize(("sign", "verdict"), [("", "A_BETTER"), ("-", "B_BETTER")])
def test_enough_pairs_with_a_clear_difference_bring_a_verdict(sign: str, verdict: str) -> None:
    pairs = [("paired", "A", f"{sign}{1 + number % 3}.00") for number in range(120)]

    shown = shown_pairs(pairs)

    assert (shown["verdict"], shown["pairs_still_needed"]) == (verdict, 0)
    assert (shown["mean_difference"], shown["undefined"]) == (f"{sign}2.00", {"role_balanced": CONFOUNDED})
    lower, upper = (float(bound) for bound in shown["confidence_sequence"])
    assert lower < float(shown["mean_difference"]) < upper
    assert lower * upper > 0


def test_ranks_of_the_database_give_the_known_signed_rank_test() -> None:
    golden = STATISTICS["signed_rank"]

    shown = shown_pairs([("paired", "A", str(d)) for d in golden["d"]])

    assert shown["wilcoxon"] == {"statistic": "24", "p": "0.041259765625"}


def test_ranks_are_shared_among_equal_magnitudes() -> None:
    row = pair_sums([("paired", "A", d) for d in ("-2", "2", "5", "0", "0")])["paired"]

    assert (row["ranked"], int(row["doubled_positive"]), int(row["tie_term"])) == (3, 9, 6)
    assert sorted(zip(row["rank_values"], row["rank_ties"], strict=True)) == [(3, 2), (6, 1)]


def test_roles_of_the_database_give_the_known_balanced_estimate() -> None:
    golden = STATISTICS["role_balanced"]
    pairs = [("paired", real, str(d)) for real, d in zip(golden["real_engine"], golden["d"], strict=True)]

    shown = shown_pairs(pairs)

    estimate = shown["role_balanced"]
    assert (estimate["engine_effect"], estimate["real_execution_effect"]) == ("0.05", "0.30")
    assert float(estimate["standard_error"]) == pytest.approx(golden["standard_error"], rel=1e-6)
    assert shown["caution"] is None


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


def test_one_row_of_the_table_adds_an_aggregate_over_the_trades(monkeypatch: pytest.MonkeyPatch) -> None:
    added = Figure("one_more", "One more", Kind.MONEY, "largest win", aggregate="max(pnl) FILTER (WHERE pnl > 0)")
    monkeypatch.setattr(report, "FIGURES", (*FIGURES, added))
    moment = datetime(2026, 3, 16, 15, tzinfo=UTC)

    row = figures([("trades", moment, 1, "10"), ("trades", moment, 2, "30"), ("trades", moment, 3, "-50")])["trades"]

    assert (row["one_more"], row["wins"], row["losses"]) == (Decimal(30), 2, 1)
