"""Signals with everything that can hang on one, long ago; and what the database holds of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from archives.kinds import KINDS
from archives.models import Archive
from experiments.models import Experiment
from kernel.actors import Actor
from outcomes.models import Incident, TradeAmendment
from outcomes.services import acknowledge_incident
from outcomes.services.amendments import refuse_amendment
from signals_app.inbox_models import Redrive
from signals_app.models import Signal, WebhookDelivery, WebhookSource
from tests.database import execute_unguarded, rows, value
from tests.orchestrator_site.console.rows import traded_pair
from tests.outcomes.closed_trades import Closed, close_pair

SIGNALS, DELIVERIES, QUOTES, MARKET_DATA, AUDIT = KINDS
OPERATOR = Actor("ann")
# Times of the market, which do not move with our clock.
OF_THE_MARKET = {
    "timestamp", "entry_time", "exit_time", "quote_time", "changed_at", "time", "as_of", "alert_time", "expected_at",
}  # fmt: skip
TABLES = {table for kind in KINDS for table, _ in kind.tables}


def finished_signal(**signal: Any) -> Experiment:
    """A signal with all that can hang on one, and nothing about it open any more."""
    experiment = traded_pair(**signal)
    for incident in Incident.objects.filter(experiment=experiment):
        acknowledge_incident(OPERATOR, incident.pk, closing="Closed by hand.", pnl=None, currency="")
    for amendment in TradeAmendment.objects.filter(experiment=experiment):
        refuse_amendment(OPERATOR, amendment.pk, reason="The notice is of another trade.")
    for outcome in ("accepted", "duplicate"):
        deliver(outcome, signal_id=experiment.signal_id)
    return experiment


def later_gain() -> Experiment:
    """A later real trade that gained, after which no older one counts for the guardrail or as the source's clock."""
    return close_pair("A", Closed(a="100", b="50"), replayed=True)


def deliver(outcome: str, **fields: Any) -> WebhookDelivery:
    """Store a delivery."""
    source = WebhookSource.objects.filter(slug="tv").first() or WebhookSource.objects.create(
        name="tv", slug="tv", token_hash="a" * 64
    )
    return WebhookDelivery.objects.create(
        received_at=timezone.now(), source=source, body=b'{"symbol": "SPY", "note": "\xff"}', body_sha256="d" * 64,
        outcome=outcome, duration_ms="1.25", **fields,
    )  # fmt: skip


def redriven(first: WebhookDelivery, second: WebhookDelivery) -> Redrive:
    """As if an operator had had the first judged again, and the second had come of it."""
    return Redrive.objects.create(
        delivery=first, delivery_received_at=first.received_at, result=second, result_received_at=second.received_at,
        reason="A test.", made_by="ann", made_at=second.received_at,
    )  # fmt: skip


def let_days_pass(days: int) -> None:
    """Move everything that our clock has stamped into the past, by the triggers that keep it."""
    for table in TABLES:
        columns = rows(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s"
            " AND data_type = 'timestamp with time zone'",
            table,
        )
        ours = [name for (name,) in columns if name not in OF_THE_MARKET]
        if ours:
            moved = ", ".join(f"{name} = {name} - make_interval(days => {days})" for name in ours)
            execute_unguarded(f"UPDATE {table} SET {moved}")


def count(table: str) -> int:
    return int(value(f"SELECT count(*) FROM {table}"))


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def noted() -> set[str]:
    """The paths that the table of files names."""
    return {path for archive in Archive.objects.all() for path in archive.files.values_list("path", flat=True)}


def is_here(experiment: Experiment) -> bool:
    return Signal.objects.filter(pk=experiment.signal_id).exists()


def ago(days: int) -> Any:
    return timezone.now() - timedelta(days=days)
