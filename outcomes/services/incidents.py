"""Refused reports that must not be lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import IntegrityError

from kernel.errors import DomainError
from kernel.events import INCIDENT_RECORDED
from kernel.hashing import document_hash
from outcomes.core.trade_reports import exact_document
from outcomes.errors import RefusedReportError
from outcomes.models import Incident, IncidentKind
from outcomes.services.experiment_lock import database_time

# What each guard of the database means to an engine; the code refuses earlier, these hold whatever it does.
DOUBLE_EXECUTION_GUARDS = {
    "real_trades_by_the_executed_engine",
    "real_trades_in_the_revealed_role",
    "real_trades_one_per_experiment",
}
SAME_TRADE_GUARDS = {"real_trades_pkey", "shadow_trades_pkey", "shadow_trades_one_per_engine"}


@contextmanager
def refusals_are_kept(experiment_id: UUID, engine: str, report: Any) -> Iterator[None]:
    """Keep the report as an incident when the rules or the database refuse it, then raise the error.

    To be entered outside the transaction: the refusal rolls that back, and the incident must stay.
    """
    try:
        yield
    except IntegrityError as error:
        refusal = _refusal_of(error)
        if refusal is None:
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


def double_execution(engine: str) -> RefusedReportError:
    """Return the error for a real trade of an engine that may not trade for real (R3.5)."""
    return RefusedReportError(
        "double_execution_prevented",
        f"Engine {engine} may not trade this experiment for real; close what was opened and report a shadow trade.",
        incident_kind=IncidentKind.DOUBLE_EXECUTION_PREVENTED,
    )


def conflicting_report(code: str, detail: str) -> RefusedReportError:
    """Return the error for a second report that says something else than the first, which stands."""
    return RefusedReportError(code, detail, incident_kind=IncidentKind.CONFLICTING_REPORT)


def not_found() -> DomainError:
    """Return the error for what does not exist and for what is the other engine's: the same."""
    return DomainError("not_found", "This engine has no such thing; check the id.")


def _refusal_of(error: IntegrityError) -> RefusedReportError | None:
    """Translate a guard of the database by its constraint's name; None for anything else."""
    diagnostics = getattr(error.__cause__, "diag", None)
    name = getattr(diagnostics, "constraint_name", None)
    if name in DOUBLE_EXECUTION_GUARDS:
        return RefusedReportError(
            "double_execution_prevented",
            "The database refused a second real trade of this experiment, or one by the wrong engine.",
            incident_kind=IncidentKind.DOUBLE_EXECUTION_PREVENTED,
        )
    if name in SAME_TRADE_GUARDS:
        return conflicting_report("conflict", "This trade has been reported before, with other contents.")
    return None
