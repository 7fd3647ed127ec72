"""What is kept of a report that is refused: an incident, for an operator to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import IntegrityError

from experiments.models import SignalDistribution
from kernel.canonical import document_hash, exact_document
from kernel.errors import DomainError
from kernel.events import INCIDENT_RECORDED
from kernel.rows import unit_of_work
from kernel.values import uuid_from
from outcomes.models import Incident, IncidentKind, RealTrade, Role
from outcomes.services.case import Terms, database_time

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
def report_transaction(
    lock: Callable[[], Terms], engine: str, body: Any, meaning: Callable[[Terms], str]
) -> Iterator[Terms]:
    """A transaction that begins with the experiment's lock; a report refused in it is kept as an incident.

    The incident is stored after the transaction, because the refusal rolls that back. It is the same however the body
    spells it: `meaning` gives the hash by which a repeated report is known.
    """
    terms: Terms | None = None
    try:
        with unit_of_work():
            terms = lock()
            yield terms
    except IntegrityError as error:
        assert terms is not None
        # Django wraps psycopg's error; only the wrapped one names the constraint.
        constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
        if constraint in DOUBLE_EXECUTION_GUARDS:
            refusal = double_execution(engine)
        elif constraint in SAME_TRADE_GUARDS:
            refusal = conflicting_report("This trade was already reported with different contents.")
        else:
            # Any other constraint is a fault of ours and no breach by the engine.
            raise
        record_incident(terms.decision.pk, engine, refusal, body, meaning(terms))
        raise refusal from error
    except RefusedReportError as refusal:
        assert terms is not None
        record_incident(terms.decision.pk, engine, refusal, body, meaning(terms))
        raise


def keep_unreadable(engine: str, body: Any, detail: str, trade_id: UUID | None = None) -> None:
    """Keep a report that is refused because it cannot be read, if it is one of real money; `detail` says what is wrong.

    It is about the engine's real trade `trade_id`; None for one that opens, which names the experiment and its kind.
    """
    found: Any
    if trade_id is not None:
        found = RealTrade.objects.filter(pk=trade_id, engine=engine)
    else:
        said = body if isinstance(body, dict) and body.get("kind") == Role.REAL else {}
        named: Any = uuid_from(str(said.get("experiment_id")))
        found = SignalDistribution.objects.filter(experiment_id=named, engine=engine)
    # A body that says nothing tells of nothing.
    for experiment_id in found.values_list("experiment_id", flat=True) if body else ():
        refusal = RefusedReportError("invalid", detail, incident_kind=IncidentKind.UNBOOKABLE_REPORT)
        record_incident(experiment_id, engine, refusal, body, document_hash(exact_document(body)))


def record_incident(
    experiment_id: UUID, engine: str, refusal: RefusedReportError, body: Any, report_hash: str
) -> Incident:
    """Store the refused report once, however often and in whatever spelling it is sent."""
    incident, created = Incident.objects.get_or_create(
        experiment_id=experiment_id,
        engine=engine,
        kind=refusal.incident_kind,
        report_hash=report_hash,
        defaults={"detail": refusal.detail, "report": exact_document(body), "occurred_at": database_time()},
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
