"""One report, one transaction under the experiment's lock, and what is kept when it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from kernel import audit
from kernel.actors import Actor
from kernel.canonical import document_hash, exact_document
from kernel.errors import DomainError
from kernel.events import INCIDENT_ACKNOWLEDGED, INCIDENT_RECORDED
from kernel.values import decimal_text
from outcomes.models import Incident, IncidentAcknowledgement, IncidentKind
from outcomes.services.case import Terms, lock_experiment

# The guards of the database by the names of their constraints. The code refuses earlier; these hold whatever it does.
DOUBLE_EXECUTION_GUARDS = {
    "real_trades_by_the_executed_engine",
    "real_trades_in_the_revealed_role",
    "real_trades_one_per_experiment",
}
SAME_TRADE_GUARDS = {"real_trades_pkey", "shadow_trades_pkey", "shadow_trades_one_per_engine"}


class RefusedReportError(DomainError):
    """A report that the rules forbid but that must not be lost: it is kept as an incident of this kind.

    An operator must look: the engine did, or says it did, what it was not allowed to do.
    """

    def __init__(self, code: str, detail: str, *, incident_kind: str, pointer: str = "") -> None:
        super().__init__(code, detail, pointer)
        self.incident_kind = incident_kind


def double_execution(engine: str) -> RefusedReportError:
    """A real trade of an engine that may not trade for real (R3.5)."""
    return RefusedReportError(
        "double_execution_prevented",
        f"Engine {engine} may not trade this experiment for real; close the position and report a shadow trade.",
        incident_kind=IncidentKind.DOUBLE_EXECUTION_PREVENTED,
    )


def conflicting_report(detail: str) -> RefusedReportError:
    """A second report that contradicts the first, which counts."""
    return RefusedReportError("conflict", detail, incident_kind=IncidentKind.CONFLICTING_REPORT)


@contextmanager
def report_transaction(experiment_id: UUID, engine: str, report: Any) -> Iterator[Terms]:
    """A transaction that holds the experiment's lock; a report refused in it is kept as an incident.

    The incident is stored after the transaction, because the refusal rolls that back.
    """
    try:
        with transaction.atomic():
            yield lock_experiment(experiment_id)
    except IntegrityError as error:
        # Django wraps psycopg's error; only the wrapped one names the constraint.
        constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
        if constraint in DOUBLE_EXECUTION_GUARDS:
            refusal = double_execution(engine)
        elif constraint in SAME_TRADE_GUARDS:
            refusal = conflicting_report("This trade was already reported with different contents.")
        else:
            # Any other constraint is a fault of ours and no breach by the engine.
            raise
        record_incident(experiment_id, engine, refusal, report)
        raise refusal from error
    except RefusedReportError as refusal:
        record_incident(experiment_id, engine, refusal, report)
        raise


def record_incident(experiment_id: UUID, engine: str, refusal: RefusedReportError, report: Any) -> Incident:
    """Store the refused report once, however often it is sent."""
    document = exact_document(report)
    incident, created = Incident.objects.get_or_create(
        experiment_id=experiment_id,
        engine=engine,
        kind=refusal.incident_kind,
        report_hash=document_hash(document),
        defaults={"detail": refusal.detail, "report": document, "occurred_at": database_time()},
    )
    if created:
        INCIDENT_RECORDED.log(
            incident_id=incident.pk,
            kind=incident.kind,
            experiment_id=str(experiment_id),
            engine=engine,
            detail=refusal.detail,
        )
    return incident


def acknowledge_incident(
    actor: Actor, incident_id: int, *, closing: str, pnl: Decimal | None, currency: str
) -> IncidentAcknowledgement:
    """Keep how the stray trade was closed; `pnl` None and no currency where nothing was traded.

    Raises `reason_missing`, `pnl_incomplete`, and `incident_acknowledged` for the second operator.
    """
    if not closing.strip():
        raise DomainError("reason_missing", "Say how the stray trade was closed, or why there was none.", "/closing")
    if (pnl is None) != (currency == ""):
        raise DomainError("pnl_incomplete", "Enter P&L and currency, or neither.", "/pnl")
    with transaction.atomic():
        # Of two operators at once the second waits, and is told the name of the first.
        incident = Incident.objects.select_for_update(no_key=True).get(pk=incident_id)
        first = IncidentAcknowledgement.objects.filter(pk=incident_id).first()
        if first is not None:
            raise DomainError("incident_acknowledged", f"{first.acknowledged_by} has already acknowledged it.")
        made = IncidentAcknowledgement.objects.create(
            incident=incident,
            closing=closing.strip(),
            pnl=pnl,
            currency=currency,
            acknowledged_by=actor.name,
            acknowledged_at=database_time(),
        )
        audit.record(actor, "incident acknowledged", f"{incident.pk} {incident}", reason=closing.strip())
        transaction.on_commit(lambda: _log_acknowledged(incident, made))
    return made


def _log_acknowledged(incident: Incident, made: IncidentAcknowledgement) -> None:
    INCIDENT_ACKNOWLEDGED.log(
        incident_id=incident.pk,
        experiment_id=str(incident.experiment_id),
        engine=incident.engine,
        pnl=None if made.pnl is None else decimal_text(made.pnl),
        currency=made.currency,
        by=made.acknowledged_by,
    )


def database_time() -> datetime:
    """The database's clock now, UTC; not the transaction's start, which may lie before a wait for the lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
