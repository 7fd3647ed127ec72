"""Incidents, and the page on which an operator says how a stray trade was closed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from admin_kit.display import badge, json_of, link_to
from admin_kit.filters import recent
from admin_kit.form_fields import reason_field
from admin_kit.options import page_action, render_page
from kernel.actors import actor_of
from kernel.errors import DomainError
from kernel.values import decimal_text, instant_text, row_id
from outcomes.admin.of_experiment import OfExperimentAdmin
from outcomes.core.trades import PNL
from outcomes.models import ACKNOWLEDGE_INCIDENTS, Incident
from outcomes.services import acknowledge_incident


class AcknowledgedFilter(admin.SimpleListFilter):
    """Incidents that nobody has looked into, and the others."""

    title = "acknowledged"
    parameter_name = "acknowledged"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Both."""
        return [("no", "Open"), ("yes", "Acknowledged")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow to one of both; an unknown choice narrows nothing."""
        if self.value() not in {"yes", "no"}:
            return queryset
        return queryset.filter(acknowledgement__isnull=self.value() == "no")


class AcknowledgeForm(forms.Form):
    """How the stray trade ended."""

    closing = reason_field(
        "How the stray trade was closed, or why there was none. Recorded with your name and the time."
    )
    closing.label = "How it was closed"
    pnl = forms.DecimalField(
        **PNL,
        required=False,
        label="P&L",
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="P&L of the stray trade, net of fees; leave blank if nothing was traded.",
    )
    currency = forms.RegexField(
        r"^[A-Z][A-Z0-9]{2,9}$",
        required=False,
        max_length=10,
        widget=UnfoldAdminTextInputWidget(attrs={"autocapitalize": "characters"}),
        help_text="Currency of the P&L, such as USD.",
        error_messages={"invalid": "Enter the currency in capital letters, such as USD."},
    )


@admin.register(Incident)
class IncidentAdmin(OfExperimentAdmin):
    """Reports that were rejected and kept, each with what an operator found out."""

    list_display = (
        "occurred_at",
        "experiment_link",
        "engine",
        badge("kind", {"double_execution_prevented": "danger"}),
        "detail",
        "acknowledged",
    )
    csv_columns = (
        "id", "occurred_at", "engine", "kind", "experiment_id", "detail", "acknowledgement__acknowledged_at",
        "acknowledgement__acknowledged_by", "acknowledgement__closing", "acknowledgement__pnl",
        "acknowledgement__currency",
    )  # fmt: skip
    list_filter = (AcknowledgedFilter, "kind", "engine", recent("occurred_at"))
    list_select_related = ("acknowledgement",)
    search_fields = ("experiment_id__exact",)
    search_help_text = "Experiment ID"
    fields = (
        "occurred_at",
        link_to("experiment_id", "experiments_experiment"),
        "engine",
        badge("kind", {"double_execution_prevented": "danger"}),
        "detail",
        "acknowledged",
        "closing",
        "pnl",
        json_of("report"),
    )
    actions_detail = ("acknowledge",)
    empty_hint = "No engine has reported a trade that it was not allowed to make."

    def has_acknowledge_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Acknowledging needs a permission of its own."""
        return request.user.has_perm(ACKNOWLEDGE_INCIDENTS)

    def is_settled(self, row: Incident) -> bool:
        """One operator's word is enough."""
        return hasattr(row, "acknowledgement")

    @admin.display(description="acknowledged")
    def acknowledged(self, incident: Incident) -> str:
        """By whom and when, in one piece: a list on a phone puts apart what a cell holds."""
        made = getattr(incident, "acknowledgement", None)
        if made is None:
            return "not yet"
        told = f"{instant_text(made.acknowledged_at)}, {made.acknowledged_by}"
        return format_html('<div class="to-wraps">{}</div>', told)

    @admin.display(description="how it was closed")
    def closing(self, incident: Incident) -> str:
        """In the operator's words."""
        made = getattr(incident, "acknowledgement", None)
        return "" if made is None else made.closing

    @admin.display(description="P&L of the stray trade")
    def pnl(self, incident: Incident) -> str:
        """As the operator found it; it is part of no figure."""
        made = getattr(incident, "acknowledgement", None)
        if made is None:
            return ""
        return "nothing was traded" if made.pnl is None else f"{decimal_text(made.pnl)} {made.currency}"

    @page_action("Acknowledge", permission="acknowledge", url_path="acknowledge", icon="task_alt")
    def acknowledge(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask how the stray trade was closed, and keep it with the operator's name."""
        incident = Incident.objects.select_related("acknowledgement").filter(pk=row_id(object_id)).first()
        if incident is None:
            raise Http404
        page = reverse("admin:outcomes_incident_change", args=(incident.pk,))
        if request.method != "POST" and hasattr(incident, "acknowledgement"):
            messages.warning(request, f"{incident.acknowledgement.acknowledged_by} has already acknowledged it.")
            return HttpResponseRedirect(page)
        form = AcknowledgeForm(request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid():
            try:
                acknowledge_incident(actor_of(request), incident.pk, **form.cleaned_data)
            except DomainError as error:
                form.add_error(None, error.detail)
            else:
                messages.success(request, "Incident acknowledged.")
                return HttpResponseRedirect(page)
        lead = (
            f"A report from engine {incident.engine} was refused at {instant_text(incident.occurred_at)}: "
            f'"{incident.detail}" If this left the engine with a stray position, close it at the broker first. '
            "What you enter is kept with the report and counts in no figure."
        )
        context = {"opts": self.opts, "form": form, "lead": lead, "submit": "Acknowledge", "back": page}
        return render_page(request, "admin_kit/form_page.html", "Acknowledge incident", **context)
