"""Several revisions of one result: all stay, and the last one counts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from outcomes.core.books import result_in_force
from outcomes.core.trades import Provenance
from outcomes.guardrails import MEASURES
from outcomes.models import RealOutcome, RealTrade
from outcomes.performance.report import performance_report
from outcomes.performance.scope import PerformanceFilters
from tests.database import value
from tests.outcomes.closed_trades import Closed, close_pair

pytestmark = pytest.mark.django_db


def revise(outcome: RealOutcome, revision: int, pnl: str | None, **changes: Any) -> RealOutcome:
    """Store one more revision of a result with another P&L; None for a result that is withdrawn."""
    outcome.pk, outcome.revision = None, revision
    outcome.gross_pnl = outcome.pnl = outcome.compared_pnl = None if pnl is None else Decimal(pnl)
    if pnl is None:
        outcome.withdrawn, outcome.exit_price = True, None
        outcome.price_provenance = Provenance.UNPRICED
    for name, changed in changes.items():
        setattr(outcome, name, changed)
    outcome.save(force_insert=True)
    return outcome


def real_figures() -> dict[str, Any]:
    figures: dict[str, Any] = performance_report(PerformanceFilters())["engines"]["A"]["real"]
    return figures


def test_the_report_and_its_pairs_use_the_last_revision() -> None:
    close_pair("A", Closed(a="10.00", b="4.00"))

    revise(RealOutcome.objects.get(), 2, "-3.00")
    revise(RealOutcome.objects.get(revision=1), 3, "7.00")

    report = performance_report(PerformanceFilters())
    assert (report["engines"]["A"]["real"]["n"], Decimal(report["engines"]["A"]["real"]["total_pnl"])) == (
        1,
        Decimal(7),
    )
    assert (report["pairs"]["n"], Decimal(report["pairs"]["mean_difference"])) == (1, Decimal(3))
    assert RealOutcome.objects.count() == 3


def test_a_withdrawn_result_is_none_and_is_not_unpriced_either() -> None:
    close_pair("A", Closed(a="10.00", b="4.00"))

    revise(RealOutcome.objects.get(), 2, None)

    assert result_in_force(RealTrade.objects.get().outcomes.all()) is None
    figures = real_figures()
    assert (figures["n"], figures["unpriced"]) == (0, 0)


def test_a_result_after_a_withdrawn_one_counts_again() -> None:
    close_pair("A", Closed(a="10.00", b="4.00"))
    first = RealOutcome.objects.get()

    revise(RealOutcome.objects.get(), 2, None)
    revise(first, 3, "12.00")

    latest = result_in_force(RealTrade.objects.get().outcomes.all())
    assert latest is not None
    assert (latest.revision, latest.pnl) == (3, Decimal(12))
    assert Decimal(real_figures()["total_pnl"]) == 12


def test_a_loss_that_was_corrected_is_no_loss_in_a_row() -> None:
    close_pair("A", Closed(a="-10.00", b="4.00"))
    losses = MEASURES["max_consecutive_real_losses"].format(since="'-infinity'")
    assert value(losses) == 1

    revise(RealOutcome.objects.get(), 2, "1.00")

    assert value(losses) == 0


def test_a_trade_has_each_revision_once() -> None:
    close_pair("A", Closed(a="10.00", b="4.00"))

    with pytest.raises(IntegrityError, match="realoutcome_one_per_revision"), transaction.atomic():
        revise(RealOutcome.objects.get(), 1, "11.00")


def test_the_last_revisions_are_found_by_the_index_of_the_few_that_were_revised() -> None:
    for amount in ("1", "2", "3"):
        close_pair("A", Closed(a=amount, b="4.00"))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN SELECT sum(pnl) FROM latest_real_outcomes")
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "realoutcome_revised" in plan
