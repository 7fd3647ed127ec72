"""What an operator says of a report that was refused and kept: how the stray trade was closed, and at what P&L."""

from __future__ import annotations

from decimal import Decimal

from django.db import transaction

from kernel import audit
from kernel.actors import Actor
from kernel.errors import DomainError
from kernel.events import INCIDENT_ACKNOWLEDGED
from kernel.values import decimal_text
from outcomes.models import Incident, IncidentAcknowledgement
from outcomes.services.case import database_time


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
        audit.record(actor, "incident.acknowledged", f"{incident.pk} {incident}", reason=closing.strip())
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
