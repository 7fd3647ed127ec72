"""Incidents stand open until an operator says how the stray trade was closed, and at what P&L."""

from __future__ import annotations

from decimal import Decimal
from html import unescape

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from kernel.actors import Actor
from kernel.models import AuditEntry
from kernel.values import instant_text
from outcomes.models import Incident, IncidentAcknowledgement
from outcomes.services import acknowledge_incident
from tests.database import refusal_of
from tests.orchestrator_site.console.rows import logged_in
from tests.outcomes.desk import make_desk

pytestmark = pytest.mark.django_db

FILLED = {"closing": "Sold at the open by phone.", "pnl": "-12.50", "currency": "USD"}


@pytest.fixture
def incident() -> Incident:
    """B said that it had traded for real, which only A might."""
    desk = make_desk()
    assert desk.b.open(desk.experiment, "REAL").code == "double_execution_prevented"
    return Incident.objects.get()


def step(incident: Incident) -> str:
    return reverse("admin:outcomes_incident_acknowledge", args=(incident.pk,))


def incident_page(incident: Incident) -> str:
    return reverse("admin:outcomes_incident_change", args=(incident.pk,))


def attention() -> list[str]:
    seen = logged_in("viewer").get(reverse("admin:index")).context["inbox"]
    return [found.text for found in seen.open if "Incident" in found.text]


def test_an_open_incident_stands_on_the_overview_with_a_link(incident: Incident) -> None:
    client = logged_in("operator")

    page = client.get(reverse("admin:index"))

    assert "Incidents to acknowledge: 1." in page.content.decode()
    link = reverse("admin:outcomes_incident_changelist") + "?acknowledged=no"
    assert link in page.content.decode()
    assert str(incident.experiment_id)[:8] in client.get(link).content.decode()


def test_an_operator_acknowledges_with_the_closing_and_the_pnl(incident: Incident) -> None:
    client = logged_in("operator")
    assert step(incident) in client.get(incident_page(incident)).content.decode()

    page = client.post(step(incident), FILLED, follow=True).content.decode()

    made = IncidentAcknowledgement.objects.get()
    assert (made.incident, made.pnl, made.currency) == (incident, Decimal("-12.5"), "USD")
    assert (made.closing, made.acknowledged_by) == ("Sold at the open by phone.", "operator")
    assert "Incident acknowledged." in page
    assert step(incident) not in page
    assert "-12.50 USD" in page
    assert AuditEntry.objects.get(action="incident.acknowledged").actor == "operator"
    assert attention() == []


@pytest.mark.parametrize(
    ("pnl", "told"),
    [
        (Decimal("-12.50"), "P&L -12.50 USD: Sold at the open by phone."),
        (Decimal(3), "P&L +3.00 USD: Sold at the open by phone."),
        (None, "Sold at the open by phone."),
    ],
)
def test_the_signals_timeline_tells_who_acknowledged_it_and_how_it_ended(
    incident: Incident, pnl: Decimal | None, told: str
) -> None:
    acknowledge_incident(Actor("ada"), incident.pk, closing=FILLED["closing"], pnl=pnl, currency="USD" if pnl else "")

    page = logged_in("viewer").get(reverse("admin:experiments_experiment_change", args=(incident.experiment_id,)))

    last = page.context["page"].timeline[-1].event
    assert (last.title, last.detail) == ("ada acknowledged the incident of engine B", told)
    assert (last.actor, last.link) == ("Operator", ("outcomes_incident", incident.pk))


def test_the_page_tells_the_engine_s_report_from_the_site_s_refusal(incident: Incident) -> None:
    page = unescape(logged_in("operator").get(step(incident)).content.decode())

    refused = f'A report from engine B was refused at {instant_text(incident.occurred_at)}: "{incident.detail}"'
    assert f"{refused} If this left the engine with a stray position, close it at the broker first." in page
    assert "What you enter is kept with the report and counts in no figure." in page


def test_a_currency_in_small_letters_is_answered_with_how_one_is_written(incident: Incident) -> None:
    page = logged_in("operator").post(step(incident), FILLED | {"currency": "usd"})

    assert page.context["form"].errors["currency"] == ["Enter the currency in capital letters, such as USD."]


def test_who_acknowledged_stands_in_one_piece_beside_the_time(incident: Incident) -> None:
    made = acknowledge_incident(Actor("ada"), incident.pk, closing="Closed.", pnl=None, currency="")

    page = logged_in("viewer").get(reverse("admin:outcomes_incident_changelist")).content.decode()

    assert f'<div class="to-wraps">{instant_text(made.acknowledged_at)}, ada</div>' in page


def test_a_report_behind_which_nothing_was_traded_has_no_pnl(incident: Incident) -> None:
    page = logged_in("operator").post(step(incident), {"closing": "The order was never sent."}, follow=True)

    assert IncidentAcknowledgement.objects.get().pnl is None
    assert "nothing was traded" in page.content.decode()


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (FILLED | {"closing": " "}, "closing"),
        (FILLED | {"currency": ""}, "__all__"),
        (FILLED | {"pnl": ""}, "__all__"),
        (FILLED | {"pnl": "much"}, "pnl"),
        (FILLED | {"currency": "dollars"}, "currency"),
    ],
)
def test_what_is_incomplete_is_told_and_keeps_it_open(incident: Incident, sent: dict[str, str], field: str) -> None:
    page = logged_in("operator").post(step(incident), sent)

    assert list(page.context["form"].errors) == [field]
    assert not IncidentAcknowledgement.objects.exists()


def test_the_second_operator_is_told_the_name_of_the_first(incident: Incident) -> None:
    acknowledge_incident(Actor("ada"), incident.pk, closing="Closed.", pnl=None, currency="")
    client = logged_in("operator")

    asked = client.get(step(incident), follow=True)
    sent = client.post(step(incident), FILLED)

    assert "ada has already acknowledged it." in asked.content.decode()
    assert sent.context["form"].non_field_errors() == ["ada has already acknowledged it."]


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_without_the_permission_nobody_acknowledges(incident: Incident, role: str) -> None:
    assert logged_in(role).post(step(incident), FILLED).status_code == 403
    assert not IncidentAcknowledgement.objects.exists()


def test_an_incident_that_is_none_is_not_found(incident: Incident) -> None:
    assert logged_in("operator").get("/admin/outcomes/incident/999/acknowledge/").status_code == 404


def test_an_acknowledgement_is_kept_as_it_was_made(incident: Incident) -> None:
    acknowledge_incident(Actor("ada"), incident.pk, closing="Closed.", pnl=Decimal(5), currency="USD")

    assert "is append-only" in refusal_of("UPDATE incident_acknowledgements SET pnl = 6")
    assert "is append-only" in refusal_of("DELETE FROM incident_acknowledgements")
    with pytest.raises(IntegrityError, match="pnl_has_a_currency"), transaction.atomic():
        IncidentAcknowledgement(
            incident=incident, closing="x", pnl=1, acknowledged_by="ada", acknowledged_at=incident.occurred_at
        ).save(force_insert=True)
